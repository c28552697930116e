//! Devices and lines: which are opened, and what is told of them; managers that go and come back.

use std::time::Duration;

use callcast::cti::{RefusalKind, SessionState};
use callcast::sim::{self, AccountConfig};

use crate::harness::{LIMIT, cluster, inventory, plain, start};

#[tokio::test]
async fn a_thousand_devices_come_in_service() {
    let cluster = cluster(|c| c.devices = 1000).await;
    let session = start(&plain(&cluster), |_, folder| std::fs::write(folder.join("devices.csv"), inventory(1000)).unwrap());
    session.in_service().await;
    assert_eq!(session.told().last().unwrap(), "Resynced { in_service: 1000, refused: 0 }");
    let summary = session.status.summary();
    assert_eq!((summary.devices, summary.in_service, summary.lines_in_service), (1000, 1000, 1000));
    assert_eq!(session.count("SEP0000000003E8(user1000) InService"), 1);
}

#[tokio::test]
async fn a_call_is_told_message_by_message_with_the_state_of_its_devices() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("call 1 2");
    cluster.command("answer 2");
    cluster.command("hangup 1");
    session.until_told("SEP000000000002(user2) State { state: 0 IDLE, asked: false }", 1).await;
    assert_eq!(session.count("NewCallEvent"), 2);
    assert!(session.count("CallStateChangedEvent_V2") >= 7);
    assert_eq!(session.count("SEP000000000002(user2) State { state: 2 ALERTING, asked: false }"), 1);
}

#[tokio::test]
async fn a_device_that_is_asked_for_its_state_answers() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("call 1 2");
    session.until_told("SEP000000000002(user2) State { state: 2 ALERTING, asked: false }", 1).await;
    session.ask_states(&[1, 2, 3, 4]).await;
    session.until_told("SEP000000000002(user2) State { state: 2 ALERTING, asked: true }", 1).await;
    session.until_told("SEP000000000003(user3) State { state: 0 IDLE, asked: true }", 1).await;
    assert_eq!(session.count("SEP000000000004"), 0);
}

#[tokio::test]
async fn calls_that_stand_are_told_before_all_is_settled() {
    let cluster = cluster(|_| {}).await;
    cluster.command("call 1 2");
    cluster.command("answer 2");
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    let told = session.told();
    let settled = told.iter().position(|t| t.starts_with("Resynced")).unwrap();
    assert_eq!(told[..settled].iter().filter(|t| *t == "ExistingCallEvent").count(), 2);
    assert_eq!(told[..settled].iter().filter(|t| *t == "ExistingCallCompletedEvent").count(), 3);
}

#[tokio::test]
async fn it_fails_over_to_the_next_manager() {
    let managers = vec![sim::Config::default().managers[0]; 2];
    let cluster = cluster(|c| c.managers = managers).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("restart 0 60");
    session.until_told("Resynced", 2).await;
    let told = session.told();
    let lost = told.iter().position(|t| t.starts_with("lost")).unwrap();
    assert_eq!(told[lost + 1..lost + 3], ["connected to StandAloneCluster", "failed over"]);
    assert_eq!((session.status.summary().reconnects, session.status.summary().in_service), (1, 3));
}

#[tokio::test]
async fn a_manager_that_restarts_is_connected_again() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("restart 0 0.2");
    session.until_told("Resynced { in_service: 3, refused: 0 }", 2).await;
    assert_eq!((session.count("lost"), session.count("failed over")), (1, 0));
}

#[tokio::test]
async fn a_manager_without_heartbeats_is_dead() {
    let cluster = cluster(|c| c.heartbeat = Duration::from_secs(1)).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("heartbeats off");
    session.until_told("lost: ctimanager has been silent for 2 s", 1).await;
    cluster.command("heartbeats on");
    session.until_told("Resynced", 2).await;
}

#[tokio::test]
async fn a_stream_that_is_lost_is_begun_anew() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("garbage");
    session.until_told("lost: not CTIQBE", 1).await;
    session.until_told("Resynced", 2).await;
}

#[tokio::test]
async fn a_phone_that_unregisters_comes_back() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("unregister 2");
    session.until_told("SEP000000000002(user2) Unregistered", 1).await;
    assert_eq!(session.status.summary().in_service, 2);
    cluster.command("register 2");
    session.until_told("SEP000000000002(user2) InService", 2).await;
    session.until_told("SEP000000000002/100002 InService", 2).await;
    assert_eq!(session.status.summary().in_service, 3);
}

#[tokio::test]
async fn a_phone_that_is_not_registered_is_opened_when_it_registers() {
    let cluster = cluster(|_| {}).await;
    cluster.command("unregister 2");
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    let refused = session.status.summary().refused;
    assert_eq!(refused[&RefusalKind::NotRegistered].count, 1);
    cluster.command("register 2");
    session.until_told("SEP000000000002/100002 InService", 1).await;
    assert!(session.status.summary().refused.is_empty());
}

#[tokio::test]
async fn the_control_list_only_is_just_that() {
    let cluster = cluster(|c| c.accounts = vec![AccountConfig { control_list: 2, ..AccountConfig::default() }]).await;
    let session = start(&plain(&cluster), |config, _| {
        config.inventory.file = None;
        config.inventory.control_list_only = true;
    });
    session.until_told("Resynced { in_service: 2, refused: 0 }", 1).await;
    assert_eq!(session.count("SEP000000000003"), 0);
}

#[tokio::test]
async fn cti_ports_and_route_points_are_opened_only_when_the_inventory_names_them() {
    let account = AccountConfig { control_list: 5, ..AccountConfig::default() };
    let cluster = cluster(|c| (c.devices, c.cti_ports, c.route_points, c.accounts) = (1, 2, 2, vec![account])).await;
    let session = start(&plain(&cluster), |_, folder| {
        std::fs::write(folder.join("devices.csv"), "device,user\nSEP000000000001,\nCTIPORT0002,\n").unwrap();
    });
    session.until_told("Resynced { in_service: 2, refused: 0 }", 1).await;
    assert_eq!((session.count("CTIPORT0002(-) InService"), session.count("CTIPORT0001"), session.count("CTIRP")), (1, 0, 0));
}

#[tokio::test]
async fn a_cti_port_that_the_inventory_names_no_more_is_closed_and_opened_when_it_does_again() {
    let account = AccountConfig { control_list: 2, control_any_device: false, ..AccountConfig::default() };
    let cluster = cluster(|c| (c.devices, c.cti_ports, c.accounts) = (1, 1, vec![account])).await;
    let (with, without) = ("device,user\nCTIPORT0001,\n", "device,user\n");
    let session = start(&plain(&cluster), |_, folder| std::fs::write(folder.join("devices.csv"), with).unwrap());
    session.until_told("Resynced { in_service: 2, refused: 0 }", 1).await;
    session.write("devices.csv", without);
    session.reload().await;
    session.until_told("CTIPORT0001(-) Removed", 1).await;
    session.write("devices.csv", with);
    session.reload().await;
    session.until_told("CTIPORT0001(-) InService", 2).await;
}

#[tokio::test]
async fn excluded_devices_and_lines_are_not_opened() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |config, _| {
        config.exclude.devices = vec!["SEP*01".into()];
        config.exclude.directory_numbers = vec!["100002".into()];
    });
    session.until_told("Resynced { in_service: 2, refused: 0 }", 1).await;
    assert_eq!((session.count("SEP000000000001"), session.count("SEP000000000002/100002")), (0, 0));
}

#[tokio::test]
async fn an_inventory_that_is_read_again_adds_and_removes_devices() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, folder| std::fs::write(folder.join("devices.csv"), inventory(2)).unwrap());
    session.in_service().await;
    session.write("devices.csv", "device,user\nSEP000000000001,zoe\nSEP000000000003,\n");
    session.reload().await;
    session.until_told("SEP000000000003/100003 InService", 1).await;
    session.until_told("SEP000000000002(user2) Removed", 1).await;
    session.until_told("SEP000000000001(zoe) InService", 1).await;
    assert_eq!(session.count("SEP000000000002/100002 Closed"), 1);
    let summary = session.status.summary();
    assert_eq!((summary.devices, summary.in_service, summary.lines_in_service), (2, 2, 2));
}

#[tokio::test]
async fn a_device_pool_of_the_inventory_is_told_with_the_device() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, folder| {
        std::fs::write(folder.join("devices.csv"), "device,user,device_pool\nSEP000000000001,zoe,DP-Paris\nSEP000000000002,,\n").unwrap();
    });
    session.until_told("SEP000000000001(zoe, DP-Paris) InService", 1).await;
    session.until_told("SEP000000000002(-) InService", 1).await;
    session.in_service().await;
    session.write("devices.csv", "device,user,device_pool\nSEP000000000001,zoe,DP-Rome\nSEP000000000002,,\n");
    session.reload().await;
    session.until_told("SEP000000000001(zoe, DP-Rome) InService", 1).await;
    // Its line is told again, with the device as it is now.
    assert_eq!((session.count("SEP000000000001/100001 opened"), session.count("SEP000000000002/100002 opened")), (2, 1));
}

#[tokio::test]
async fn a_broken_inventory_changes_nothing_when_it_is_read_again() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    session.write("devices.csv", "nonsense");
    // One waits at most: when the third is taken, the first was carried out.
    for _ in 0..3 {
        session.reload().await;
    }
    session.write("devices.csv", &inventory(2));
    session.reload().await;
    session.until_told("SEP000000000003(user3) Removed", 1).await;
    assert_eq!(session.count("SEP000000000001(user1) Removed"), 0);
}

#[tokio::test]
async fn a_user_who_logs_in_and_out_is_told() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("login 2 zoe");
    session.until_told("SEP000000000002(zoe) UserLoggedIn", 1).await;
    cluster.command("logout 2");
    session.until_told("SEP000000000002(user2) UserLoggedOut { user: \"zoe\" }", 1).await;
}

#[tokio::test]
async fn it_says_goodbye_when_it_is_told_to_end() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    assert_eq!(cluster.handle.sessions().len(), 1);
    session.shutdown.cancel();
    session.task.await.unwrap();
    let gone = async {
        while !cluster.handle.sessions().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.unwrap();
    assert_eq!(session.status.state(), SessionState::Stopped);
}
