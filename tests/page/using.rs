//! The page as people use it: by keyboard, in the dark, on paper.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::browser::Browser;
use crate::report::Files;

/// The principals that are seen, from the top.
fn seen(browser: &mut Browser) -> Vec<String> {
    let names = browser.value(
        "[...document.querySelectorAll('#rows tbody tr')].filter(tr => !tr.hidden).map(tr => tr.cells[0].querySelector('code').textContent.split('/').pop())",
    );
    serde_json::from_value(names).unwrap()
}

#[test]
fn the_keyboard_alone_is_enough() {
    let files = Files::new();
    let page = files.report_of(60);
    let mut browser = Browser::start();
    browser.open(&page.address());
    let all = seen(&mut browser);
    assert_eq!((all.len(), all[0].as_str()), (60, "break-glass"), "admins first");
    assert_eq!(all[59], "deployer", "and last whoever does not get in");

    // One sum alone.
    browser.tab_to(".tiles [data-show=admin]");
    browser.press("Enter");
    assert_eq!(seen(&mut browser), ["break-glass", "on-call"]);
    assert_eq!(browser.value("document.activeElement.getAttribute('aria-pressed')"), json!("true"));
    browser.press("Escape");

    // Search.
    browser.tab_to("#search");
    browser.type_text("search-00 auditors");
    assert_eq!(seen(&mut browser), ["search-0043"]);
    browser.press("Escape");
    assert_eq!(seen(&mut browser), all);

    // Filter by group.
    browser.tab_to("#group");
    browser.type_text("plat");
    assert_eq!(seen(&mut browser).len(), 2);
    assert_eq!(browser.value("document.querySelector('#shown').textContent"), json!("2 of 60 entries"));
    browser.press("Escape");

    // Sort, there and back, and what is empty comes last.
    browser.tab_to("th.c7 button");
    let sort = |browser: &mut Browser| {
        browser.value("document.activeElement.parentElement.getAttribute('aria-sort')")
    };
    browser.press("Enter");
    assert_eq!((sort(&mut browser), seen(&mut browser)[0].as_str()), (json!("ascending"), "on-call"));
    browser.press(" ");
    assert_eq!((sort(&mut browser), seen(&mut browser)[0].as_str()), (json!("descending"), "on-call"));
    browser.press("Enter");
    assert_eq!((sort(&mut browser), seen(&mut browser)), (json!("none"), all));

    // A role leads to what it allows.
    browser.tab_to("#rows a");
    browser.press("Enter");
    let role = browser.value("document.querySelector(':target').innerText");
    assert!(
        role.as_str().unwrap().contains("ClusterRole/cluster-admin")
            && role.as_str().unwrap().contains("every verb"),
        "{role}"
    );
    browser.press("/");
    assert_eq!(browser.value("document.activeElement.id"), json!("search"));
}

#[test]
fn words_that_nothing_fits_say_so() {
    let files = Files::new();
    let page = files.report_of(20);
    let mut browser = Browser::start();
    browser.open(&page.address());
    browser.press("/");
    browser.type_text("nobody-of-that-name");
    assert_eq!(browser.value("document.querySelector('#none').checkVisibility()"), json!(true));
}

/// The contrast of each text to what is behind it, as WCAG counts it; 4.5 is what it asks for.
const CONTRAST: &str = r"(() => {
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [.2126, .7152, .0722][n], 0);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const behind = element => { for (; element; element = element.parentElement) { const color = rgb(getComputedStyle(element).backgroundColor); if (color[3]) return color; } return rgb('Canvas'); };
  const all = {};
  for (const selector of ['h1', '.dim', '.tiles b', '.tiles .bad b', '.tiles .warn b', '#search', '#shown', 'th button', 'td code', 'td small', '.tag', 'td b.bad', 'tbody a', 'td.warn time']) {
    const element = document.querySelector(selector);
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
    all[selector] = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  }
  return all;
})()";

#[test]
fn dark_and_light_are_both_legible_and_paper_has_what_counts() {
    let files = Files::new();
    let page = files.report_of(40);
    let mut browser = Browser::start();
    browser.open(&page.address());
    let mut pages = Vec::new();
    for scheme in ["light", "dark"] {
        browser.emulate(scheme, "screen");
        let contrast: std::collections::BTreeMap<String, f64> =
            serde_json::from_value(browser.value(CONTRAST)).unwrap();
        assert!(contrast.values().all(|contrast| *contrast >= 4.5), "{scheme}: {contrast:#?}");
        pages.push(browser.value("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(pages[0], pages[1]);
    browser.emulate("dark", "print");
    let paper = browser.value(
        "[document.querySelector('.tools').checkVisibility(), document.querySelectorAll('#rows tbody tr').length, getComputedStyle(document.body).backgroundColor]",
    );
    assert_eq!(paper, json!([false, 40, "rgb(255, 255, 255)"]));
    assert!(
        !browser.call("Page.printToPDF", &json!({"preferCSSPageSize": true}))["data"]
            .as_str()
            .unwrap()
            .is_empty()
    );
}

/// The pictures in `docs/` are made anew where that is asked for: fonts differ from machine to machine, so they are looked
/// at and not compared.
#[test]
fn the_pictures_in_the_docs_are_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let files = Files::new();
        let page = files.report_of(2_000);
        let mut browser = Browser::start();
        browser.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": 1440, "height": 860, "deviceScaleFactor": 1, "mobile": false}),
        );
        browser.open(&page.address());
        fs::create_dir_all(&folder).unwrap();
        for scheme in ["light", "dark"] {
            browser.emulate(scheme, "screen");
            fs::write(folder.join(format!("report-{scheme}.png")), browser.screenshot()).unwrap();
        }
    }
    for scheme in ["light", "dark"] {
        let picture = fs::read(folder.join(format!("report-{scheme}.png"))).unwrap();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() < 400_000, "{scheme}: {}", picture.len());
    }
}
