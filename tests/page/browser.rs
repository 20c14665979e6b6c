//! A headless Chromium, told what to do by its own protocol (`DevTools`) over a pipe: it ends when the pipe closes, however the
//! test ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use control_plane::Folder;
use control_plane::parts::{self, Part};
use serde_json::{Value, json};

/// Far beyond what anything takes on two busy cores.
const DEADLINE: Duration = Duration::from_mins(2);

/// The protocol is on the descriptors 3 and 4: here the two ends of a child that Rust can pipe.
const ON_A_PIPE: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>"$LOG""#;

/// What keeps it from talking to anybody by itself, and from needing what a test machine lacks.
const FLAGS: [&str; 11] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    events: Vec<Value>,
    folder: Folder,
}

impl Browser {
    pub fn start() -> Self {
        let chromium = parts::ensure(Part::Chromium).unwrap();
        let folder = Folder::new().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", ON_A_PIPE, "sh"])
            .arg(chromium)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .args(["--window-size=1440,900", "about:blank"])
            // What it would leave in other places.
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("LOG", folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, from) = mpsc::channel();
        thread::spawn(move || {
            // A message ends with a zero byte; the sender goes with the pipe.
            for message in BufReader::new(out).split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self { child, to, from, session: None, last: 0, events: Vec::new(), folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attached =
            browser.call("Target.attachToTarget", &json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Asks for something and waits for the answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let to = self.to.as_mut().unwrap();
        to.write_all(format!("{message}\0").as_bytes()).unwrap();
        to.flush().unwrap();
        let id = json!(self.last);
        let answer = self.wait(method, |message| message["id"] == id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The first message that fits; the events before it are kept.
    #[track_caller]
    fn wait(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(message) = self.from.recv_timeout(left) else {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("the browser does not answer: {what}\n{log}");
            };
            if message.get("method").is_some() {
                self.events.push(message.clone());
            }
            if fits(&message) {
                return message;
            }
        }
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&mut self, address: &str) {
        self.events.clear();
        self.call("Page.navigate", &json!({"url": address}));
        if self.events("Page.loadEventFired").is_empty() {
            self.wait("load", |message| message["method"] == "Page.loadEventFired");
        }
    }

    /// What has happened since it was opened.
    pub fn events(&self, method: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["method"] == method).map(|event| &event["params"]).collect()
    }

    /// The value of an expression, awaited where it is a promise.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"].get("value").cloned().unwrap_or_default()
    }

    /// Presses and releases one key: a character, or `Tab`, `Enter`, `Escape`, `ArrowDown`, ` `.
    pub fn press(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, None),
            "Enter" => ("Enter", 13, Some("\r")),
            "Escape" => ("Escape", 27, None),
            "ArrowDown" => ("ArrowDown", 40, None),
            " " => ("Space", 32, Some(" ")),
            character => ("", 0, Some(character)),
        };
        let mut event = json!({"key": key, "code": code, "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number});
        event["type"] = json!(if text.is_some() { "keyDown" } else { "rawKeyDown" });
        if let Some(text) = text {
            event["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", &event);
    }

    /// Types a text, key by key.
    pub fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            self.press(&character.to_string());
        }
    }

    /// Presses Tab until the element that fits the selector has the focus.
    #[track_caller]
    pub fn tab_to(&mut self, selector: &str) {
        for _ in 0..60 {
            self.press("Tab");
            if self.value(&format!("document.activeElement.matches({})", json!(selector))) == true {
                return;
            }
        }
        panic!("no Tab leads to {selector}");
    }

    /// `light` or `dark`, and `screen` or `print`.
    pub fn emulate(&mut self, scheme: &str, media: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"media": media, "features": features}));
    }

    /// What is seen, as a PNG.
    pub fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends with its pipe, and writes to its folder until then.
        drop(self.to.take());
        let until = Instant::now() + Duration::from_secs(20);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
