//! The page in a real browser: the wall, the screen-pop, and callers who are up to no good.

use std::time::Duration;

use callcast::ctiqbe::names::CallState;
use fantoccini::Locator;

use crate::browser::{Browser, browser};
use crate::harness::{Caller, Edge, caller, edge, until};
use crate::playing::Playing;

const CARD: &str = ".card";

/// A browser that watches `user7`, whose URL template is this server's own `/healthz` with a query.
async fn watching(edge: &Edge, browser: &Browser) {
    edge.phone(7);
    open(edge, browser, &format!("#user=user7&url=http://{}/healthz?q={{number}}&name={{name}}", edge.address)).await;
    browser.shows("#quiet-phone", "Watching user7").await;
}

async fn open(edge: &Edge, browser: &Browser, hash: &str) {
    browser.client.goto(&format!("http://{}/{hash}", edge.address)).await.unwrap();
    browser.shows("#status", "Live").await;
}

/// A browser that watches a user of a flow's, whose phones are in service.
async fn watching_flow(name: &str, user: &str) -> (Edge, Browser, Playing) {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    let playing = Playing::read(&format!("tests/events/examples/{name}.flow"));
    playing.open(|notice| edge.tell(notice));
    open(&edge, &browser, &format!("#user={user}&url=http://{}/healthz?q={{e164}}", edge.address)).await;
    (edge, browser, playing)
}

/// The addresses of the windows that were popped.
async fn popped(browser: &Browser) -> Vec<String> {
    let first = browser.client.window().await.unwrap();
    let mut addresses = Vec::new();
    for window in browser.client.windows().await.unwrap() {
        if window != first {
            browser.client.switch_to_window(window).await.unwrap();
            addresses.push(browser.client.current_url().await.unwrap().to_string());
        }
    }
    browser.client.switch_to_window(first).await.unwrap();
    addresses
}

#[tokio::test]
async fn the_wall_shows_devices_and_what_they_do() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    (1..=400).for_each(|i| edge.phone(i));
    edge.refuse(401, "Check 'Allow Control of Device from CTI' on the device");
    open(&edge, &browser, "").await;
    browser.shows("[data-device=SEP000000000001] .what", "Idle").await;
    edge.ring(1, 1, caller("+33123401000", "Zoë Müller"));
    edge.ring(2, 2, caller("2000", ""));
    edge.state(2, 2, CallState::CONNECTED);
    edge.ring(3, 3, caller("3000", "Reception"));
    edge.state(3, 3, CallState::CONNECTED);
    edge.state(3, 3, CallState::ONHOLD);
    browser.shows("[data-device=SEP000000000001][data-state=ringing] .what", "Ringing: Zoë Müller · +33123401000").await;
    browser.shows("[data-device=SEP000000000002][data-state=talking] .what", "Talking to 2000").await;
    browser.shows("[data-device=SEP000000000003][data-state=held] .what", "Holding Reception").await;
    browser.shows("#chips [data-state=restricted]", "1").await;
    browser.shows("#chips [data-state=ringing]", "1").await;
    let tiles = browser.client.find_all(Locator::Css(".tile")).await.unwrap().len();
    assert!(tiles < 100, "{tiles} tiles for what can be seen of 401 devices");
    browser.picture("wall").await;
    browser.client.find(Locator::Css("#chips [data-state=restricted]")).await.unwrap().click().await.unwrap();
    browser.shows(".tile[data-state=restricted] .what", "Allow Control of Device").await;
    browser.lacks(".tile[data-state=ringing]").await;
    browser.quit().await;
}

#[tokio::test]
async fn a_ringing_phone_opens_the_callers_page_once() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    watching(&edge, &browser).await;
    edge.ring(7, 1, caller("+33 1&x=1", "Zoë/../?"));
    browser.shows(".card[data-state=ringing] .who", "Zoë").await;
    let addresses = until("a new window", || async { Some(popped(&browser).await).filter(|popped| !popped.is_empty()) }).await;
    let expected = format!("http://{}/healthz?q=%2B33%201%26x%3D1&name=Zo%C3%AB%2F..%2F%3F", edge.address);
    assert_eq!(addresses, [expected]);
    browser.picture("pop").await;
    browser.client.refresh().await.unwrap();
    browser.shows(CARD, "RINGING").await;
    assert_eq!(popped(&browser).await.len(), 1, "popped again");
    edge.hang_up(7, 1);
    browser.lacks(CARD).await;
    browser.shows("#today-list", "Missed").await;
    browser.quit().await;
}

#[tokio::test]
async fn a_call_that_is_answered_elsewhere_is_withdrawn() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    watching(&edge, &browser).await;
    edge.ring(7, 1, caller("2000", "Zoë"));
    browser.shows(CARD, "RINGING").await;
    edge.state(7, 1, CallState::REMOTEINUSE);
    browser.lacks(CARD).await;
    edge.hang_up(7, 1);
    edge.ring(7, 2, caller("3000", "Ben"));
    browser.shows(CARD, "Ben").await;
    browser.shows("#today-list li", "Answered elsewhere").await;
    let recent = browser.client.find_all(Locator::Css("#today-list li")).await.unwrap().len();
    assert_eq!(recent, 1, "the call is told of twice");
    browser.quit().await;
}

#[tokio::test]
async fn a_pop_follows_its_call_when_the_caller_is_handed_over() {
    let (edge, browser, transfer) = watching_flow("transfer", "cjones").await;
    let seconds = Duration::from_secs;
    edge.play(&transfer, seconds(0), seconds(25));
    browser.shows(".card[data-state=ringing] .who", "Bob Smith").await;
    edge.play(&transfer, seconds(25), seconds(30));
    browser.shows(".card[data-state=talking] .who", "Bob Smith").await;
    edge.play(&transfer, seconds(30), seconds(40));
    browser.shows(".card[data-state=talking] .who", "Zoë Müller").await;
    let link = browser.client.find(Locator::Css(".card a.open")).await.unwrap();
    assert!(link.attr("href").await.unwrap().unwrap().ends_with("/healthz?q=%2B33123401000"), "the link is not that of the new caller");
    assert_eq!(popped(&browser).await.len(), 1, "a window opened by itself although the phone did not ring");
    browser.picture("pop-moved").await;
    edge.play(&transfer, seconds(40), seconds(100));
    browser.lacks(CARD).await;
    let recent = browser.shows("#today-list", "Zoë Müller").await;
    assert!(recent.contains("Answered") && !recent.contains("Bob"), "{recent}");
    browser.quit().await;
}

#[tokio::test]
async fn a_pop_goes_with_the_reason_why() {
    let seconds = Duration::from_secs;
    for (user, until, reason) in [("bsmith", seconds(14), "Sent on"), ("cjones", seconds(20), "Answered elsewhere")] {
        let (edge, browser, forward) = watching_flow("forward", user).await;
        let rings = if user == "bsmith" { seconds(1) } else { seconds(14) };
        edge.play(&forward, seconds(0), rings);
        browser.shows(".card[data-state=ringing] .who", "Number withheld").await;
        edge.play(&forward, rings, until);
        browser.lacks(CARD).await;
        browser.shows("#today-list", reason).await;
        edge.play(&forward, until, seconds(100));
        browser.picture(&format!("pop-withdrawn-{user}")).await;
        let recent = browser.client.find_all(Locator::Css("#today-list li")).await.unwrap().len();
        assert_eq!(recent, 1, "the call is told of twice");
        browser.quit().await;
    }
}

#[tokio::test]
async fn a_call_that_was_there_before_the_page_is_shown_and_withdrawn_all_the_same() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(7);
    edge.ring(7, 1, caller("2000", "Zoë"));
    open(&edge, &browser, &format!("#user=user7&url=http://{}/healthz?q={{number}}", edge.address)).await;
    browser.shows(".card[data-state=ringing] .who", "Zoë").await;
    until("a new window", || async { (popped(&browser).await.len() == 1).then_some(()) }).await;
    edge.state(7, 1, CallState::CONNECTED);
    browser.shows(".card[data-state=talking] .who", "Zoë").await;
    edge.state(7, 1, CallState::ONHOLD);
    browser.client.refresh().await.unwrap();
    browser.shows(".card[data-state=held] .who", "Zoë").await;
    edge.hang_up(7, 1);
    browser.lacks(CARD).await;
    browser.shows("#today-list", "Answered").await;
    browser.quit().await;
}

#[tokio::test]
async fn a_hostile_name_is_only_text() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    let hostile = "<img src=x onerror=\"document.title='owned'\">'\"\n&lt;script>";
    edge.phone(1);
    open(&edge, &browser, "").await;
    edge.ring(1, 1, caller("<b>1</b>", hostile));
    browser.shows(".tile[data-state=ringing] .what", "<img src=x onerror=").await;
    watching(&edge, &browser).await;
    edge.ring(7, 2, caller("<b>1</b>", hostile));
    browser.shows(".card .who", "<img src=x onerror=\"document.title='owned'\">'\"\n&lt;script>").await;
    browser.picture("hostile").await;
    assert_eq!(
        browser
            .script("return document.querySelectorAll('#calls img, #cards b, #calls script, #grid img, #grid b, #grid script').length")
            .await,
        0
    );
    assert_ne!(browser.client.title().await.unwrap(), "owned");
    browser.quit().await;
}

#[tokio::test]
async fn a_withheld_number_opens_nothing() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    watching(&edge, &browser).await;
    edge.ring(7, 1, Caller { shows_number: false, ..caller("+33123", "") });
    let card = browser.shows(CARD, "nothing is opened").await;
    assert!(card.contains("Number withheld") && !card.contains("33123"), "{card}");
    assert!(popped(&browser).await.is_empty());
    browser.quit().await;
}

#[tokio::test]
async fn a_url_of_a_scheme_that_is_not_allowed_is_refused() {
    let (edge, browser) = (edge(|config| config.page.url_schemes = vec!["tel".into()]).await, browser(true).await);
    for (template, problem) in [
        ("javascript:alert({number})", "javascript:"),
        ("file:///etc/{number}", "file:"),
        ("https://{name}/", "before the path"),
        ("crm.example/{number}", "not a complete URL"),
    ] {
        browser.client.goto("about:blank").await.unwrap();
        browser.client.goto(&format!("http://{}/#user=user7&url={template}", edge.address)).await.unwrap();
        browser.shows("#problem", problem).await;
    }
    browser.picture("settings").await;
    open(&edge, &browser, "#user=user7&url=tel:{number}").await;
    browser.quit().await;
}

#[tokio::test]
async fn a_blocked_pop_up_is_offered_as_a_link() {
    let (edge, browser) = (edge(|_| {}).await, browser(false).await);
    watching(&edge, &browser).await;
    edge.ring(7, 1, caller("2000", "Zoë"));
    browser.shows(".card .note", "blocked").await;
    let link = browser.client.find(Locator::Css(".card a.open")).await.unwrap();
    assert!(link.attr("href").await.unwrap().unwrap().ends_with("/healthz?q=2000&name=Zo%C3%AB"));
    browser.quit().await;
}

#[tokio::test]
async fn the_page_comes_back_after_the_gateway_does() {
    let first = edge(|_| {}).await;
    let (address, browser) = (first.address, browser(true).await);
    open(&first, &browser, "").await;
    first.stop.cancel();
    first.running.await.unwrap();
    browser.shows("#status", "again in").await;
    let second = edge(|config| config.listen = address).await;
    second.phone(5);
    browser.shows("[data-device=SEP000000000005]", "100005").await;
    browser.quit().await;
}
