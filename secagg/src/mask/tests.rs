use super::*;
use crate::wire::Index;
use zeroize::Zeroizing;

fn key(byte: u8) -> MaskKey {
    MaskKey(Zeroizing::new([byte; 48]))
}

fn keystream(key: &MaskKey, first: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    MaskStream::new(key).fill(first, &mut bytes);
    bytes
}

/// NIST SP 800-38A, F.5.5: AES-256 of these counter blocks. The blocks there count in the last byte, so each is given
/// here as the first block of its own stream.
#[test]
fn the_cipher_is_aes_256() {
    let aes_key = hex::decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").expect("hex");
    let cases = [
        ("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "0bdf7df1591716335e9a8b15c860c502"),
        ("f0f1f2f3f4f5f6f7f8f9fafbfcfdff00", "5a6e699d536119065433863c8f657b94"),
        ("f0f1f2f3f4f5f6f7f8f9fafbfcfdff01", "1bc12c9c01610d5d0d8bd6a3378eca62"),
        ("f0f1f2f3f4f5f6f7f8f9fafbfcfdff02", "2956e1c8693536b1bee99c73a31576b6"),
    ];
    for (block, expected) in cases {
        let bytes = [aes_key.clone(), hex::decode(block).expect("hex")].concat();
        let key = MaskKey(Zeroizing::new(bytes.try_into().expect("48 bytes")));
        assert_eq!(hex::encode(keystream(&key, 0, 16)), expected);
    }
}

/// The crate `ctr` is an implementation that is not ours.
#[test]
fn the_stream_is_that_of_ctr_64_le() {
    use aes::Aes256;
    use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
    let bytes: [u8; 48] = std::array::from_fn(|place| 255 - 5 * place as u8);
    let key = MaskKey(Zeroizing::new(bytes));
    let (aes, block) = bytes.split_at(32);
    for (first, length) in [(0, 1), (1, 15), (15, 1), (15, 2), (16, 16), (3, 4000), (64, 65_536), (7, 20_003)] {
        let mut expected = vec![0; length];
        let mut stream = ctr::Ctr64LE::<Aes256>::new_from_slices(aes, block).expect("32 and 16 bytes");
        stream.seek(first);
        stream.apply_keystream(&mut expected);
        assert!(keystream(&key, first, length) == expected, "{length} bytes from {first}");
    }
}

#[test]
fn the_counter_is_the_first_eight_bytes_little_endian_and_wraps() {
    let counting = |counter: u64| {
        let mut bytes = [7; 48];
        bytes[32..40].copy_from_slice(&counter.to_le_bytes());
        MaskKey(Zeroizing::new(bytes))
    };
    let stream = keystream(&counting(u64::MAX - 1), 0, 64);
    for (block, counter) in [u64::MAX - 1, u64::MAX, 0, 1].into_iter().enumerate() {
        assert_eq!(stream[16 * block..][..16], keystream(&counting(counter), 0, 16), "block {block}");
    }
}

#[test]
fn any_piece_of_a_stream_is_the_same_as_in_the_whole() {
    let whole = keystream(&key(1), 0, 100_000);
    for (first, length) in [(0, 1), (2, 40), (15, 2), (16_384, 16_384), (99_998, 2), (4096, 60_001)] {
        assert_eq!(keystream(&key(1), first as u64, length), whole[first..first + length]);
    }
}

#[test]
fn masks_of_a_pair_cancel_in_every_ring() {
    let [low, high] = [1, 2].map(|number| Index::new(number).expect("from 1"));
    for lane in Lane::ALL {
        let words: Vec<u8> = (0..50_000_u32).map(|place| (place * 7) as u8).collect();
        let mut both = words.clone();
        for (own, peer) in [(low, high), (high, low)] {
            let mut masks = MaskSum::new(lane);
            masks.push(Sign::of_pair(own, peer), &key(3));
            masks.apply(64, &mut both);
            assert_eq!(both == words, own == high, "after both, and not before");
        }
    }
}

#[test]
fn threads_and_pieces_change_no_bit() {
    for lane in Lane::ALL {
        let mut masks = MaskSum::new(lane);
        masks.push(Sign::Plus, &key(4));
        masks.push(Sign::Minus, &key(5));
        masks.push(Sign::Plus, &key(6));
        let mut whole = vec![1; 200_000];
        masks.apply(0, &mut whole);
        let mut parallel = vec![1; 200_000];
        masks.apply_in_parallel(0, &mut parallel);
        assert_eq!(whole, parallel);
        let mut pieces = vec![1; 200_000];
        pieces.chunks_mut(4096).enumerate().for_each(|(number, piece)| masks.apply(number as u64 * 4096, piece));
        assert_eq!(whole, pieces);
    }
}

#[test]
fn words_wrap_at_their_own_width() {
    let mut sum = [0xff; 16];
    add_words(Lane::Bits16, &mut sum, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sum, [0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 255, 255, 255, 255, 255, 255]);
    let mut sum = [0; 8];
    subtract_words(Lane::Bits32, &mut sum, &[1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sum, [255, 255, 255, 255, 0, 0, 0, 0]);
    let mut sum = [0; 16];
    subtract_words(Lane::Bits64, &mut sum, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(sum, [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 255]);
}
