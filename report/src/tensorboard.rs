//! Curves of a simulated run as a TensorBoard event file.
//!
//! An event file is a list of records (length, its checksum, bytes, their checksum; checksums are CRC-32C, rotated and shifted as
//! `tensorflow/core/lib/hash/crc32c.h` has it). Each holds one `Event` of `tensorflow/core/util/event.proto` with one number.
//! The few fields that are needed are written by hand: field number and wire type, then the value.

use crate::simulation::RunRecord;

/// What the first event has to say.
const VERSION: &str = "brain.Event:2";
/// Fields of `Event`.
const WALL_TIME: u8 = 1;
const STEP: u8 = 2;
const FILE_VERSION: u8 = 3;
const SUMMARY: u8 = 5;
/// Fields of `Summary` and of its `Value`.
const VALUE: u8 = 1;
const TAG: u8 = 1;
const SIMPLE_VALUE: u8 = 2;

/// The run's losses and scores by round. Its clock is that of the run: seconds on this machine since it began.
pub fn tensorboard_events(run: &RunRecord) -> Vec<u8> {
    let mut file = Vec::new();
    record(&mut file, &Message::default().double(WALL_TIME, 0.0).bytes(FILE_VERSION, VERSION.as_bytes()).0);
    let mut clock_s = 0.0;
    for round in &run.rounds {
        clock_s += round.wall_s;
        let measured = run.evaluations.iter().find(|one| one.round == round.round);
        let scores = measured.map_or([None; 2], |one| [one.mean, one.worst]);
        let numbers = [("loss", round.loss), ("score/mean_of_sites", scores[0]), ("score/worst_site", scores[1])];
        for (tag, number) in numbers {
            if let Some(number) = number {
                record(&mut file, &scalar(clock_s, round.round, tag, number));
            }
        }
    }
    file
}

/// A number of one round as an `Event`.
fn scalar(clock_s: f64, round: u32, tag: &str, number: f64) -> Vec<u8> {
    let value = Message::default().bytes(TAG, tag.as_bytes()).float(SIMPLE_VALUE, number as f32);
    let summary = Message::default().bytes(VALUE, &value.0);
    Message::default().double(WALL_TIME, clock_s).number(STEP, u64::from(round)).bytes(SUMMARY, &summary.0).0
}

fn record(file: &mut Vec<u8>, bytes: &[u8]) {
    let length = (bytes.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(bytes);
    file.extend(masked(bytes).to_le_bytes());
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protocol buffer as it is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn double(mut self, field: u8, value: f64) -> Self {
        self.0.push(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u8, value: f32) -> Self {
        self.0.push(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn number(mut self, field: u8, value: u64) -> Self {
        self.0.push(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u8, value: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// Seven bits a byte, lowest first.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::sample;

    /// The records of a file, with both checksums checked.
    fn records(mut file: &[u8]) -> Vec<&[u8]> {
        let mut records = Vec::new();
        while let Some((length, rest)) = file.split_at_checked(8) {
            let bytes = u64::from_le_bytes(length.try_into().expect("8 bytes")) as usize;
            assert_eq!(rest[..4], masked(length).to_le_bytes());
            assert_eq!(rest[4 + bytes..8 + bytes], masked(&rest[4..4 + bytes]).to_le_bytes());
            records.push(&rest[4..4 + bytes]);
            file = &rest[8 + bytes..];
        }
        assert!(file.is_empty());
        records
    }

    #[test]
    fn a_file_begins_as_those_of_tensorflow_do() {
        // Every event file that TensorFlow writes begins with a record of 24 bytes: these are its length and checksum.
        let file = tensorboard_events(&sample::sweep().runs[0]);
        assert_eq!(file[..13], [0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 0x09]);
        assert_eq!(&file[21..36], b"\x1a\x0dbrain.Event:2");
    }

    #[test]
    fn every_loss_and_score_is_one_record_and_what_is_not_known_is_none() {
        let mut run = sample::sweep().runs[0].clone();
        assert_eq!(records(&tensorboard_events(&run)).len(), 1 + 4 + 2 * 2);
        run.rounds[0].loss = None;
        run.evaluations.clear();
        assert_eq!(records(&tensorboard_events(&run)).len(), 1 + 3);
    }

    #[test]
    fn a_number_is_where_the_protocol_says() {
        // Written by hand from event.proto and summary.proto: wall_time 0.5, step 300, one value.
        let expected = b"\x09\0\0\0\0\0\0\xe0\x3f\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\x80\x3e";
        assert_eq!(scalar(0.5, 300, "loss", 0.25), expected);
    }
}
