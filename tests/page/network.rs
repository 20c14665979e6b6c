//! No request leaves the page, and nothing that others wrote runs in it.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::Browser;
use crate::report::Files;

/// Names as somebody would choose them who has read this far.
const HOSTILE: &str = r#"- rolearn: "arn:aws:iam::111122223333:role/<script>window.ran=1</script>"
  username: "<script>window.ran=2</script>"
  groups: ["\"><img src=x onerror=window.ran=3>", "</select><script>window.ran=4</script>", "' onmouseover='window.ran=5"]
- rolearn: "arn:aws:iam::111122223333:role/jane</td></tr></table><iframe srcdoc='<script>parent.ran=6</script>'>"
  username: "javascript:window.ran=7"
  groups: ["</script><script>window.ran=8</script>"]
"#;

/// Tries what would make a request, and says what the page's policy stopped.
const TRY: &str = r"(async () => {
  const stopped = [];
  document.addEventListener('securitypolicyviolation', event => stopped.push(event.effectiveDirective));
  const add = html => document.body.insertAdjacentHTML('beforeend', html);
  add(`<img src='${URL}/image'><link rel='stylesheet' href='${URL}/style'><iframe src='${URL}/frame'></iframe>`);
  const script = document.createElement('script');
  script.src = `${URL}/script`;
  document.body.append(script);
  const inline = document.createElement('script');
  inline.textContent = 'window.ran = 9';
  document.body.append(inline);
  const fetched = await fetch(`${URL}/fetch`).then(() => true, () => false);
  navigator.sendBeacon(`${URL}/beacon`);
  while (new Set(stopped).size < 5 && performance.now() < 60000) await new Promise(requestAnimationFrame);
  return [fetched, [...new Set(stopped)].sort()];
})()";

#[test]
fn no_request_leaves_the_page_whatever_gets_into_it() {
    let files = Files::new();
    let page = files.report(HOSTILE);
    let mut browser = Browser::start();
    browser.open(&page.address());
    let asked = |browser: &Browser| -> Vec<String> {
        let all = browser.events("Network.requestWillBeSent");
        all.iter().map(|event| event["request"]["url"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(asked(&browser), [page.address()], "the page itself and nothing else");

    // Whatever somebody gets into it after all is stopped by the page's own policy.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stopped = browser.value(&TRY.replace("${URL}", &address));
    let directives = ["connect-src", "frame-src", "img-src", "script-src-elem", "style-src-elem"];
    assert_eq!(stopped, json!([false, directives]));
    // A browser may connect ahead of a frame that it then does not load: nothing is asked over that connection.
    while let Ok((mut stream, _)) = listener.accept() {
        let mut asked = [0; 300];
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let n = stream.read(&mut asked).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&asked[..n]), "");
    }
    assert_eq!(browser.value("window.ran ?? null"), json!(null));

    // The same without the policy: the listener would have noticed.
    let (start, rest) = page.html.split_once("<meta http-equiv").unwrap();
    let without = format!("{start}{}", rest.split_once('>').unwrap().1);
    browser.open(&files.other(&without));
    browser.value(&format!("document.body.insertAdjacentHTML('beforeend', \"<img src='{address}/image'>\")"));
    let until = Instant::now() + Duration::from_mins(1);
    listener.set_nonblocking(false).unwrap();
    let mut asked = [0; 300];
    while !asked.starts_with(b"GET /image") {
        assert!(Instant::now() < until, "the listener notices nothing");
        // Should it read nothing, the next connection is the one.
        _ = listener.accept().unwrap().0.read(&mut asked).unwrap();
    }
}

#[test]
fn what_others_wrote_is_text() {
    let files = Files::new();
    let page = files.report(HOSTILE);
    let mut browser = Browser::start();
    browser.open(&page.address());
    assert_eq!(browser.value("window.ran ?? null"), json!(null));
    let shown = browser.value("document.querySelector('#rows').innerText");
    for text in [
        "role/<script>window.ran=1</script>",
        "<script>window.ran=2</script>",
        "\"><img src=x onerror=window.ran=3>",
    ] {
        assert!(shown.as_str().unwrap().contains(text), "{text}: {shown}");
    }
    assert_eq!(
        browser.value("document.querySelectorAll('img, iframe, #rows script, tbody a[href^=java]').length"),
        json!(0)
    );
    assert_eq!(browser.value("document.querySelectorAll('#rows tbody tr').length"), json!(2));
    // Filtering by such a group finds its entry.
    let found = browser.value(
        "(() => { const group = document.querySelector('#group'); group.selectedIndex = [...group.options].findIndex(option => option.value.includes('onerror')); group.dispatchEvent(new Event('change')); return [...document.querySelectorAll('#rows tbody tr')].filter(tr => !tr.hidden).length; })()",
    );
    assert_eq!(found, json!(1));
    let complaints = browser.events("Log.entryAdded");
    assert!(complaints.is_empty() && browser.events("Runtime.exceptionThrown").is_empty(), "{complaints:?}");
}
