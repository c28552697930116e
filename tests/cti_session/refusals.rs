//! Refusals: told with their cure, alone, and healed when the cause is.

use std::time::Duration;

use callcast::cti::{RefusalKind, SessionState};
use callcast::sim::{self, AccountConfig};
use callcast::time::Timestamp;

use crate::harness::{cluster, inventory, plain, start};

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_again_after_a_reload() {
    let managers = vec![sim::Config::default().managers[0]; 2];
    let cluster = cluster(|c| (c.managers, c.lock_after) = (managers, 2)).await;
    let session = start(&plain(&cluster), |_, folder| std::fs::write(folder.join("password"), "wrong").unwrap());
    let reason = session.waits().await;
    assert!(reason.contains("DIRECTORY_LOGIN_FAILED") && reason.contains("Application User"), "{reason}");
    let SessionState::Waiting { until, .. } = session.status.state() else { panic!("{:?}", session.status.state()) };
    assert!(until.since(Timestamp::now()) > Duration::from_secs(290));
    session.write("password", "callcast");
    session.reload().await;
    // A second failed login would have locked the account.
    session.in_service().await;
}

#[tokio::test]
async fn a_locked_account_is_told_with_its_cure() {
    let cluster = cluster(|_| {}).await;
    cluster.command("lock callcast");
    let session = start(&plain(&cluster), |_, _| {});
    let reason = session.waits().await;
    assert!(reason.contains("0x8ccc011f") && reason.contains("Reset Failed Logon Count"), "{reason}");
}

#[tokio::test]
async fn a_missing_role_is_told_with_its_name() {
    let cluster = cluster(|c| c.accounts[0].cti_enabled = false).await;
    let session = start(&plain(&cluster), |_, _| {});
    let reason = session.waits().await;
    assert!(reason.contains("'Standard CTI Enabled'"), "{reason}");
}

#[tokio::test]
async fn a_restricted_device_is_refused_and_heals_when_the_box_is_ticked() {
    let cluster = cluster(|_| {}).await;
    cluster.command("restrict-device 2 on");
    let session = start(&plain(&cluster), |config, _| config.retry.refused_device = 1);
    session.until_told("Resynced { in_service: 2, refused: 1 }", 1).await;
    let refused = session.status.summary().refused;
    assert_eq!(refused[&RefusalKind::DeviceRestricted].examples[0].device.as_deref(), Some("SEP000000000002"));
    cluster.command("restrict-device 2 off");
    session.until_told("SEP000000000002/100002 InService", 1).await;
    assert!(session.status.summary().refused.is_empty());
}

#[tokio::test]
async fn a_restricted_line_is_refused_and_heals_when_the_box_is_ticked() {
    let cluster = cluster(|_| {}).await;
    cluster.command("restrict-line 2 on");
    let session = start(&plain(&cluster), |config, _| config.retry.refused_device = 1);
    session.until_told("Resynced { in_service: 3, refused: 1 }", 1).await;
    assert!(session.count("SEP000000000002/100002 refused 0x8ccc00d3 CTIERR_LINE_RESTRICTED") >= 1);
    cluster.command("restrict-line 2 off");
    session.until_told("SEP000000000002/100002 InService", 1).await;
    assert!(session.status.summary().refused.is_empty());
}

#[tokio::test]
async fn a_box_that_is_unticked_while_it_runs_is_told() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.in_service().await;
    cluster.command("restrict-device 1 on");
    cluster.command("restrict-line 2 on");
    session.until_told("SEP000000000001(user1) refused 0x8ccc00d2", 1).await;
    session.until_told("SEP000000000002/100002 refused 0x8ccc00d3", 1).await;
}

#[tokio::test]
async fn without_the_right_only_the_control_list_is_opened_until_it_is_given() {
    let account = AccountConfig { control_list: 1, control_any_device: false, ..AccountConfig::default() };
    let cluster = cluster(|c| c.accounts = vec![account]).await;
    let session = start(&plain(&cluster), |_, _| {});
    session.until_told("Resynced { in_service: 1, refused: 2 }", 1).await;
    let refused = session.status.summary().refused;
    assert!(refused[&RefusalKind::NotPermitted].examples[0].cure().contains("Standard CTI Allow Control of All Devices"));
    cluster.command("super callcast on");
    session.until_told("PermissionChanged { control_any_device: true }", 1).await;
    session.until_told("SEP000000000003/100003 InService", 1).await;
}

#[tokio::test]
async fn a_device_that_the_cluster_does_not_have_is_refused_alone() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |_, folder| {
        std::fs::write(folder.join("devices.csv"), inventory(3) + "SEPNOSUCH,\n").unwrap();
    });
    session.until_told("Resynced { in_service: 3, refused: 1 }", 1).await;
    assert_eq!(session.status.summary().refused[&RefusalKind::UnknownDevice].count, 1);
}
