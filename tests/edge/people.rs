//! People at the page: they sign in, see their own calls, and are told what became of each.

use std::sync::Arc;
use std::time::Duration;

use callcast::access::{self, Access, NewToken, TokenConfig};
use callcast::ctiqbe::names::CallState;
use fantoccini::Locator;

use crate::browser::{Browser, browser};
use crate::harness::{Edge, caller, edge, edge_with, until};
use crate::playing::Playing;
use crate::relay::Relay;

/// A gateway that asks for tokens: one that sees everything, and one of `user7`.
async fn guarded() -> (Edge, String, String) {
    let (all, own) = (NewToken::random().unwrap(), NewToken::random().unwrap());
    let tokens = vec![
        TokenConfig { name: "wallboard".into(), sha256: all.sha256(), everything: true, ..TokenConfig::default() },
        TokenConfig { name: "zoe".into(), sha256: own.sha256(), users: vec!["user7".into()], ..TokenConfig::default() },
    ];
    let edge = edge_with(
        |_| {},
        |server, metrics| {
            let config = access::Config { tokens, ..access::Config::default() };
            server.with_access(Arc::new(Access::new(&config, metrics).unwrap()))
        },
    )
    .await;
    (edge, all.reveal().into(), own.reveal().into())
}

async fn sign_in(browser: &Browser, token: &str) {
    let field = browser.client.find(Locator::Css("#token")).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(token).await.unwrap();
    click(browser, "#sign-in-form button").await;
}

async fn click(browser: &Browser, selector: &str) {
    browser.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

async fn open(browser: &Browser, address: std::net::SocketAddr, hash: &str) {
    browser.client.goto(&format!("http://{address}/{hash}")).await.unwrap();
}

#[tokio::test]
async fn a_user_signs_in_and_sees_their_own_calls_alone() {
    let ((edge, _, own), browser) = (guarded().await, browser(true).await);
    (7..=8).for_each(|i| edge.phone(i));
    open(&browser, edge.address, "").await;
    browser.shows("#sign-in-title", "Sign in").await;
    browser.picture("sign-in").await;
    sign_in(&browser, &own).await;
    browser.shows("#status-text", "Live").await;
    browser.shows("#calls-title", "My calls").await;
    browser.shows("#account", "zoe").await;
    edge.ring(8, 1, caller("3000", "Somebody else's"));
    edge.ring(7, 2, caller("2000", "Zoë"));
    browser.shows(".card .who", "Zoë").await;
    assert!(!browser.script("return document.body.innerText").await.as_str().unwrap().contains("Somebody else"));
    assert_eq!(browser.script("return document.getElementById('nav-wall').hidden").await, true, "a user is offered the wall");
    assert!(!browser.client.current_url().await.unwrap().as_str().contains(&own), "the token is in the address");
    browser.quit().await;
}

#[tokio::test]
async fn a_refused_token_says_why_and_another_is_taken() {
    let ((edge, all, _), browser) = (guarded().await, browser(true).await);
    edge.phone(7);
    open(&browser, edge.address, "").await;
    browser.shows("#sign-in-title", "Sign in").await;
    click(&browser, "#sign-in-form button").await;
    browser.shows("#sign-in-problem", "Enter the token").await;
    sign_in(&browser, &all.replace("callcast_", "callcast_0")).await;
    browser.shows("#sign-in-problem", "refused").await;
    browser.picture("sign-in-refused").await;
    sign_in(&browser, &all).await;
    browser.shows("[data-device=SEP000000000007] .what", "Idle").await;
    assert_eq!(browser.script("return document.getElementById('sign-in').hidden").await, true);
    browser.quit().await;
}

#[tokio::test]
async fn a_token_stays_with_the_tab_unless_it_is_to_be_kept() {
    let ((edge, all, _), browser) = (guarded().await, browser(true).await);
    edge.phone(7);
    for (keep, second) in [(false, "#sign-in-title"), (true, "[data-device=SEP000000000007] .number")] {
        open(&browser, edge.address, "").await;
        browser.shows("#sign-in-title", "Sign in").await;
        if keep {
            click(&browser, "#keep").await;
        }
        sign_in(&browser, &all).await;
        browser.shows("[data-device=SEP000000000007] .what", "Idle").await;
        browser.client.refresh().await.unwrap();
        browser.shows("[data-device=SEP000000000007] .what", "Idle").await;
        let first = browser.client.window().await.unwrap();
        let tab = browser.client.new_window(true).await.unwrap().handle;
        browser.client.switch_to_window(tab).await.unwrap();
        open(&browser, edge.address, "").await;
        browser.shows(second, "").await;
        browser.client.close_window().await.unwrap();
        browser.client.switch_to_window(first).await.unwrap();
        click(&browser, "#sign-out").await;
        browser.shows("#sign-in-title", "Sign in").await;
        assert_eq!(
            browser.script("return localStorage.getItem('callcast.token') ?? sessionStorage.getItem('callcast.token')").await,
            serde_json::Value::Null
        );
    }
    browser.quit().await;
}

#[tokio::test]
async fn todays_calls_are_there_with_what_became_of_them_and_their_stories() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    let transfer = Playing::read("tests/events/examples/transfer.flow");
    transfer.open(|notice| edge.tell(notice));
    edge.play(&transfer, Duration::ZERO, Duration::from_secs(100));
    edge.phone(7);
    open(&browser, edge.address, "#user=cjones").await;
    browser.shows("#today-list .who", "Zoë Müller").await;
    browser.shows("#today-list .outcome", "Answered").await;
    click(&browser, "#today-list .row").await;
    let story = browser.shows("#today-list .story", "Ended").await;
    assert!(story.contains("Handed over by 2000 to Carol Jones (3000)"), "{story}");
    browser.picture("today").await;
    browser.quit().await;
}

#[tokio::test]
async fn a_day_at_the_phone() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(7);
    for (call, (number, name, answered)) in
        [("+33123401000", "Zoë Müller", true), ("2000", "Bob Smith", false), ("+4930901820", "", true), ("3000", "Carol Jones", true)]
            .into_iter()
            .enumerate()
    {
        let call = call as i32 + 1;
        edge.ring(7, call, caller(number, name));
        if answered {
            edge.state(7, call, CallState::CONNECTED);
        }
        edge.hang_up(7, call);
    }
    open(&browser, edge.address, &format!("#user=user7&url=http://{}/healthz?q={{number}}", edge.address)).await;
    browser.shows("#today-list li[data-kind=missed]", "Bob Smith").await;
    edge.ring(7, 10, caller("3000", "Carol Jones"));
    edge.state(7, 10, CallState::CONNECTED);
    edge.state(7, 10, CallState::ONHOLD);
    edge.ring(7, 11, caller("+33123401000", "Zoë Müller"));
    browser.shows(".card[data-state=ringing] .who", "Zoë Müller").await;
    browser.shows(".card[data-state=held] .who", "Carol Jones").await;
    browser.shows(".card .foot", "Open again").await;
    browser.picture("my-calls").await;
    browser.narrow_picture("my-calls-narrow").await;
    click(&browser, "#missed-only").await;
    let shown = browser.script("return [...document.querySelectorAll('#today-list li')].filter((row) => row.offsetHeight).length").await;
    assert_eq!(shown, 1);
    browser.quit().await;
}

#[tokio::test]
async fn five_tabs_of_one_user_open_one_page_and_show_one_notification() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(7);
    let hash = format!("#user=user7&url=http://{}/healthz?q={{number}}", edge.address);
    let mut tabs = vec![browser.client.window().await.unwrap()];
    for _ in 1..5 {
        tabs.push(browser.client.new_window(true).await.unwrap().handle);
    }
    // What a notification is shown with, and that it went; the browser that tests drive has none.
    let stub = "
        window.shown = [];
        window.gone = [];
        window.Notification = class {
            static permission = 'granted';
            constructor(title, { tag }) { this.tag = tag; shown.push(title); }
            close() { gone.push(this.tag); }
        };
        document.hasFocus = () => false;";
    for tab in &tabs {
        browser.client.switch_to_window(tab.clone()).await.unwrap();
        open(&browser, edge.address, &hash).await;
        browser.shows("#quiet-phone", "Watching user7").await;
        browser.shows("#status-text", "Live").await;
        browser.script(stub).await;
    }
    edge.ring(7, 1, caller("2000", "Zoë"));
    let (mut notes, mut notices) = (Vec::new(), Vec::new());
    for tab in &tabs {
        browser.client.switch_to_window(tab.clone()).await.unwrap();
        until("what the card says of the page", || async {
            let note = browser.client.find(Locator::Css(".card .note")).await.ok()?;
            note.text().await.ok().filter(|text| !text.is_empty())
        })
        .await;
        notes.push(browser.shows(".card .note", "Opened").await);
        notices.extend(browser.script("return shown").await.as_array().unwrap().clone());
    }
    assert_eq!(browser.client.windows().await.unwrap().len(), 6, "{notes:?}");
    assert_eq!(notes.iter().filter(|note| note.contains("new window")).count(), 1, "{notes:?}");
    assert_eq!(notices, ["Zoë is calling"]);
    edge.state(7, 1, CallState::REMOTEINUSE);
    let mut closed = 0;
    for tab in &tabs {
        browser.client.switch_to_window(tab.clone()).await.unwrap();
        browser.lacks(".card").await;
        closed += browser.script("return gone.length").await.as_u64().unwrap();
    }
    assert_eq!(closed, 1, "the notification outlives the call, or went twice");
    browser.quit().await;
}

#[tokio::test]
async fn a_page_that_slept_shows_what_came_meanwhile_and_says_how_it_stands() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(7);
    let relay = Relay::to(edge.address).await;
    open(&browser, relay.address, "#user=user7").await;
    browser.shows("#quiet-phone", "Watching user7").await;
    browser.shows("#status-text", "Live").await;
    browser.dev_tools("Page.setWebLifecycleState", serde_json::json!({ "state": "frozen" })).await;
    relay.sleep();
    for call in 1..=5 {
        edge.ring(7, call, caller(&(2000 + call).to_string(), ""));
        edge.hang_up(7, call);
    }
    edge.ring(7, 6, caller("3000", "Carol Jones"));
    relay.wake();
    browser.dev_tools("Page.setWebLifecycleState", serde_json::json!({ "state": "active" })).await;
    browser.shows(".card[data-state=ringing] .who", "Carol Jones").await;
    browser.shows("#status-text", "Live").await;
    until("five missed calls", || async {
        (browser.script("return document.getElementById('missed-count').textContent").await == "5").then_some(())
    })
    .await;
    relay.cut();
    browser.shows("#status-more", "again in").await;
    browser.picture("offline").await;
    edge.state(7, 6, CallState::CONNECTED);
    relay.wake();
    // By now an attempt may have succeeded.
    browser.script("document.getElementById('retry').click()").await;
    browser.shows(".card[data-state=talking] .who", "Carol Jones").await;
    browser.shows("#status-text", "Live").await;
    browser.quit().await;
}

#[tokio::test]
async fn the_page_is_used_by_keys_and_in_the_colours_that_one_chooses() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(7);
    open(&browser, edge.address, "#wall").await;
    browser.shows("[data-device=SEP000000000007] .what", "Idle").await;
    let body = browser.client.find(Locator::Css("body")).await.unwrap();
    body.send_keys("?").await.unwrap();
    browser.shows("#keys", "Search the wall").await;
    browser.picture("keys").await;
    click(&browser, "#keys button").await;
    body.send_keys("/").await.unwrap();
    assert_eq!(browser.script("return document.activeElement.id").await, "search");
    browser.client.find(Locator::Css("#search")).await.unwrap().send_keys("100007 ?2").await.unwrap();
    assert_eq!(
        browser.script("return document.getElementById('keys').open").await,
        false,
        "a key that was typed into a field did something"
    );
    browser.script("document.activeElement.blur()").await;
    body.send_keys("1").await.unwrap();
    browser.shows("#calls-title", "My calls").await;
    let ground = || async { browser.script("return getComputedStyle(document.body).backgroundColor").await };
    let mut grounds = vec![];
    for _ in 0..2 {
        click(&browser, "#theme").await;
        grounds.push(ground().await);
    }
    assert_eq!(grounds, ["rgb(244, 246, 247)", "rgb(15, 19, 22)"]);
    browser.client.refresh().await.unwrap();
    browser.shows("#calls-title", "My calls").await;
    assert_eq!(ground().await, grounds[1], "the choice is forgotten");
    browser.quit().await;
}

/// Everything that can be reached by the Tab key, in order, has a name and shows that it has the focus.
#[tokio::test]
async fn all_that_can_be_done_can_be_reached_by_the_tab_key() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(7);
    edge.ring(7, 1, caller("2000", "Zoë"));
    edge.hang_up(7, 1);
    open(&browser, edge.address, &format!("#user=user7&url=http://{}/healthz?q={{number}}", edge.address)).await;
    browser.shows("#today-list .who", "Zoë").await;
    edge.ring(7, 2, caller("3000", "Carol Jones"));
    browser.shows(".card .foot", "Open again").await;
    browser.script("document.activeElement.blur()").await;
    let mut reached = Vec::new();
    for _ in 0..10 {
        browser.client.active_element().await.unwrap().send_keys("\u{e004}").await.unwrap();
        let what = browser
            .script(
                "const at = document.activeElement;
                 const name = at.getAttribute('aria-label') || at.innerText || document.querySelector(`label[for=${at.id}]`)?.innerText || '';
                 return [name.trim(), getComputedStyle(at).outlineStyle, at.getBoundingClientRect().left >= 0];",
            )
            .await;
        assert!(what[0] != "" && what[1] != "none" && what[2] == true, "{what} after {reached:?}");
        reached.push(what[0].as_str().unwrap().to_owned());
    }
    let all = reached.join("\n");
    for name in
        ["Skip to the content", "My calls", "Wall", "Colours", "Keyboard shortcuts", "Settings", "Open again", "Missed call from Zoë"]
    {
        assert!(all.contains(name), "{name} is not among {reached:?}");
    }
    browser.quit().await;
}
