//! The wall with as many devices as a large site has.

use std::time::Duration;

use callcast::ctiqbe::names::CallState;
use serde_json::Value;

use crate::browser::browser;
use crate::harness::{caller, edge, until};

const DEVICES: i32 = 5_000;

/// Every tile that the window shows: where it is, whose it is, and what the table has at that place.
const SHOWN: &str = "
    const grid = document.getElementById('grid').getBoundingClientRect();
    return [...document.querySelectorAll('.tile')].map((tile) => {
        const box = tile.getBoundingClientRect();
        return { name: tile.dataset.device, place: Number(tile.getAttribute('aria-posinset')), state: tile.dataset.state,
                 top: box.top, bottom: box.bottom, left: box.left - grid.left, what: tile.querySelector('.what').textContent };
    });";

/// Scrolls through everything in steps, one a frame, and keeps the milliseconds between frames.
const SCROLL: &str = "
    const [steps, frames] = [150, (window.frameTimes = [])];
    const height = document.documentElement.scrollHeight - innerHeight;
    let [step, before] = [0, performance.now()];
    const frame = (now) => {
        frames.push(now - before);
        before = now;
        step += 1;
        scrollTo(0, (height * step) / steps);
        if (step < steps) requestAnimationFrame(frame);
        else window.scrolled = true;
    };
    requestAnimationFrame(frame);";

#[tokio::test]
async fn five_thousand_devices_are_shown_right_wherever_one_scrolls() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    (1..=DEVICES).for_each(|i| edge.phone(i));
    browser.client.goto(&format!("http://{}/#wall", edge.address)).await.unwrap();
    browser.shows("#chips [data-state=idle]", "5,000").await;
    for i in (1..=DEVICES).step_by(7) {
        edge.ring(i, i, caller("2000", "Zoë"));
    }
    browser.shows("#chips [data-state=ringing]", "715").await;
    let height = browser.script("return document.documentElement.scrollHeight - innerHeight").await.as_f64().unwrap();
    for part in [0.0, 0.25, 0.5, 0.777, 1.0] {
        browser.script(&format!("scrollTo(0, {})", height * part)).await;
        let tiles = until("the tiles of this place", || async {
            let tiles = browser.script(SHOWN).await;
            let tiles = tiles.as_array().unwrap().clone();
            covers(&tiles).then_some(tiles)
        })
        .await;
        assert!(tiles.len() < 120, "{} tiles in the page", tiles.len());
        for tile in &tiles {
            let place = tile["place"].as_i64().unwrap();
            assert_eq!(tile["name"], format!("SEP{place:012X}"), "at place {place}");
            let (state, what) = if (place - 1) % 7 == 0 { ("ringing", "Ringing: Zoë") } else { ("idle", "Idle") };
            assert!(tile["state"] == state && tile["what"].as_str().unwrap().starts_with(what), "{tile}");
        }
    }
    browser.picture("wall-5000").await;
    browser.quit().await;
}

/// Whether the window is full of tiles from its top to its bottom.
fn covers(tiles: &[Value]) -> bool {
    let edge = |key: &str| tiles.iter().map(|tile| tile[key].as_f64().unwrap()).collect::<Vec<_>>();
    let (top, bottom) = (edge("top").into_iter().fold(f64::MAX, f64::min), edge("bottom").into_iter().fold(f64::MIN, f64::max));
    top < 200.0 && bottom > 590.0
}

#[tokio::test]
async fn the_wall_scrolls_while_a_hundred_events_a_second_come() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    (1..=DEVICES).for_each(|i| edge.phone(i));
    browser.client.goto(&format!("http://{}/#wall", edge.address)).await.unwrap();
    browser.shows("#chips [data-state=idle]", "5,000").await;
    let talking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for call in 1.. {
            tick.tick().await;
            // A ring, an answer or an end, at phones all over the wall.
            let phone = call * 37 % DEVICES + 1;
            match call % 3 {
                0 => edge.ring(phone, call, caller("2000", "Zoë")),
                1 => edge.state((call - 1) * 37 % DEVICES + 1, call - 1, CallState::CONNECTED),
                _ => edge.hang_up((call - 2) * 37 % DEVICES + 1, call - 2),
            }
        }
    };
    browser.script(SCROLL).await;
    tokio::select! {
        () = until("the end of the wall", || async { (browser.script("return window.scrolled").await == true).then_some(()) }) => {}
        () = talking => unreachable!(),
    }
    let frames = browser.script("return window.frameTimes").await;
    let mut frames: Vec<f64> = frames.as_array().unwrap().iter().map(|frame| frame.as_f64().unwrap()).collect();
    frames.sort_by(f64::total_cmp);
    let at = |part: f64| frames[((frames.len() - 1) as f64 * part) as usize];
    println!("frames: {}, median {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, worst {:.1} ms", frames.len(), at(0.5), at(0.95), at(0.99), at(1.0));
    let tiles = browser.script("return document.querySelectorAll('.tile').length").await;
    assert!(tiles.as_u64().unwrap() < 120, "{tiles} tiles in the page");
    browser.quit().await;
}
