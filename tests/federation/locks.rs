//! One process per state folder: the second is told who is first, and the first goes on.

use crate::binary::{FAILED, refuse};
use crate::federation::{Federation, finished_model};
use crate::place::text;
use crate::plans::Tiny;

#[test]
fn a_second_process_on_a_state_folder_names_the_first_and_disturbs_nothing() {
    let mut federation = Federation::start(&Tiny::default().text());
    let coordinator = federation.process("coordinator").pid().to_string();
    let north = federation.process("north").pid().to_string();
    let config = federation.place.federation().join("coordinator.toml");
    let run = ["coordinator", "run", "--config", text(&config)];
    refuse(&run, FAILED, &["another coordinator", &coordinator, "stop it"]);
    let config = federation.place.site_config("north");
    refuse(&["site", "run", "--config", text(&config)], FAILED, &["another site", &north, "stop it"]);
    finished_model(&federation.finish());
}
