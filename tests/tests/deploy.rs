//! What is shipped in `deploy/`: the proxies' configurations start, speak TLS 1.3 and nothing older, resume nothing, pass on
//! nothing that says who asks, and write nothing of a request; tor takes its own; the unit is as tight as its page says.
//! Needs root, `nginx`, `caddy`, `tor`, `openssl` and `systemd-analyze`.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common_http::{Laid, PAGE, lay_out};
use hafan::forwarded::FIELDS;
use hafan_tests::reports::shaped;
use hafan_tests::told;
use xtask::http::{Answer, read_answer};
use xtask::process::{Output, Running, guarded, output};
use xtask::root;

const HOST: &str = "report.example";
const LIMIT: Duration = Duration::from_secs(30);

/// From the addresses kept for documentation (RFC 5737).
const ADDRESS: &str = "203.0.113.77";

/// A proxy on loopback with the shipped configuration, but for its paths and ports.
struct Proxy {
    running: Running,
    port: u16,
    dir: PathBuf,
}

#[derive(Clone, Copy)]
enum Kind {
    Nginx,
    Caddy,
    /// nginx before the gateway.
    Door,
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn shipped(path: &str) -> String {
    fs::read_to_string(root().join("deploy").join(path)).unwrap()
}

/// Replaces text that must be there.
fn put_in(text: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in what is shipped");
        text.replace(from, to)
    })
}

impl Kind {
    fn start(self, dir: &Path) -> Proxy {
        certificate(dir);
        let (port, plain) = (free_port(), free_port());
        let (ssl, socket) = (format!("{}/", dir.display()), socket_of(dir));
        let program = match self {
            Self::Nginx | Self::Caddy => "hafan",
            Self::Door => "hafan-gateway",
        };
        let (of_ssl, of_socket) = (
            format!("/etc/ssl/{program}/"),
            format!("/run/{program}/http.sock"),
        );
        let paths = [
            (of_ssl.as_str(), ssl),
            (of_socket.as_str(), socket.display().to_string()),
        ];
        let config = dir.join("proxy.conf");
        let command = match self {
            Self::Nginx | Self::Door => {
                let (file, host) = match self {
                    Self::Door => ("nginx/gateway.conf", "form.example"),
                    Self::Nginx | Self::Caddy => ("nginx/nginx.conf", HOST),
                };
                let own = [
                    (host, HOST.to_owned()),
                    ("user www-data;", "user root;".to_owned()),
                    ("/run/nginx.pid", format!("{}/pid", dir.display())),
                    ("listen 443", format!("listen 127.0.0.1:{port}")),
                    ("listen 80", format!("listen 127.0.0.1:{plain}")),
                    ("listen [::]:443", format!("listen [::1]:{port}")),
                    ("listen [::]:80", format!("listen [::1]:{plain}")),
                ];
                let text = put_in(&shipped(file), &[&paths[..], &own].concat());
                fs::write(&config, text).unwrap();
                let nginx = |arguments: &[&str]| {
                    let mut command = guarded("nginx");
                    command
                        .args(["-e", "stderr", "-c"])
                        .arg(&config)
                        .args(arguments);
                    command
                };
                output("nginx -t", &mut nginx(&["-t"])).unwrap();
                nginx(&["-g", "daemon off;"])
            }
            Self::Caddy => {
                let own = [("\":443\"", format!("\"127.0.0.1:{port}\""))];
                let text = put_in(&shipped("caddy/caddy.json"), &[&paths[..], &own].concat());
                fs::write(&config, text).unwrap();
                let caddy = |verb: &str| {
                    let mut command = guarded("caddy");
                    command
                        .args([verb, "--config"])
                        .arg(&config)
                        .env("HOME", dir);
                    command
                };
                output("caddy validate", &mut caddy("validate")).unwrap();
                caddy("run")
            }
        };
        let mut running = Running::start("proxy", command, Output::Keep).unwrap();
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        running.wait_until(LIMIT, listens).unwrap();
        Proxy {
            running,
            port,
            dir: dir.to_owned(),
        }
    }
}

fn socket_of(dir: &Path) -> PathBuf {
    dir.join("http.sock")
}

fn certificate(dir: &Path) {
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={HOST}")])
        .args(["-addext", &format!("subjectAltName=DNS:{HOST}"), "-keyout"])
        .arg(dir.join("privkey.pem"))
        .arg("-out")
        .arg(dir.join("fullchain.pem"));
    output("openssl req", &mut command).unwrap();
}

impl Proxy {
    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", self.port)])
            .args(["-servername", HOST, "-verify_return_error", "-CAfile"])
            .arg(self.dir.join("fullchain.pem"))
            .args(arguments);
        command
    }

    /// Sends bytes over TLS and reads one answer.
    fn ask(&self, bytes: &[u8]) -> Answer {
        let mut client = self
            .client(&["-quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = client.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        // The other way is read meanwhile; the line stays open until the answer is there.
        let writer = thread::spawn(move || {
            stdin.write_all(&bytes).unwrap();
            stdin
        });
        let answer = read_answer(client.stdout.as_mut().unwrap()).unwrap();
        drop(writer.join().unwrap());
        client.kill().unwrap();
        client.wait().unwrap();
        answer
    }

    fn get(&self, path: &str, fields: &str) -> Answer {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Connection: close\r\n\r\n");
        self.ask(head.as_bytes())
    }

    fn put(&self, number: u64, class: usize) -> Answer {
        let report = shaped(number, class);
        let head = format!(
            "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            report.h,
            report.submission.len()
        );
        self.ask(&[head.as_bytes(), &report.submission].concat())
    }

    /// What the client says of a handshake.
    fn handshake(&self, arguments: &[&str]) -> String {
        let (_, said, errors) = told(&mut self.client(arguments)).unwrap();
        said + &errors
    }
}

/// A server on the socket that the proxy asks.
fn behind(dir: &Path) -> (Running, Laid) {
    let laid = lay_out("");
    let config = laid.path("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let listen = format!("unix:{}", socket_of(dir).display());
    fs::write(&config, text.replace("127.0.0.1:0", &listen)).unwrap();
    let mut command = guarded(&laid.program);
    command.args(["serve", "--config"]).arg(&config);
    let mut running = Running::start("hafan", command, Output::Keep).unwrap();
    let heard = running.listener();
    let ready = || String::from_utf8_lossy(&heard.bytes()).contains("listening on unix:");
    running.wait_until(LIMIT, ready).unwrap();
    (running, laid)
}

/// Every field that says who asks, and what browsers tell of themselves.
fn telling_fields() -> String {
    let mut fields: String = FIELDS
        .iter()
        .map(|name| format!("{name}: {ADDRESS}\r\n"))
        .collect();
    for (name, value) in [
        ("X-Forwarded-Host", HOST),
        ("X-Forwarded-Proto", "https"),
        ("Via", "1.1 somewhere"),
        ("User-Agent", "Somebody/1.0"),
        ("Accept-Language", "cy"),
        ("Cookie", "a=b"),
        ("Referer", "https://search.example/"),
        ("Sec-CH-UA", "Somebody"),
        ("Sec-Fetch-Site", "none"),
    ] {
        fields.push_str(&format!("{name}: {value}\r\n"));
    }
    fields
}

fn serves_and_hides(kind: Kind) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path();
    let (mut server, _laid) = behind(dir);
    let proxy = kind.start(dir);
    // Refused when asked directly, since it says who asks, and served through the proxy, which takes that off.
    let answer = proxy.get("/", &telling_fields());
    assert_eq!((answer.status, answer.text().as_str()), (200, PAGE));
    assert!(answer.header("strict-transport-security").is_some());
    assert_eq!(answer.header("cache-control"), Some("no-store, max-age=0"));
    for (number, class) in [(1, 0), (2, 6)] {
        assert_eq!(proxy.put(number, class).status, 201, "class {class}");
        assert_eq!(proxy.put(number, class).status, 200, "class {class}");
    }
    // TLS 1.3 and nothing else, no second protocol, nothing to resume with.
    let handshake = proxy.handshake(&["-tls1_3", "-alpn", "h2,http/1.1"]);
    assert!(handshake.contains("Verification: OK"), "{handshake}");
    assert!(!handshake.contains("ALPN protocol: h2"), "{handshake}");
    assert!(
        !handshake.contains("New Session Ticket arrived"),
        "{handshake}"
    );
    let old = proxy.handshake(&["-tls1_2"]);
    assert!(old.contains("Cipher is (NONE)"), "{old}");
    // A request that goes wrong is what proxies like to write down.
    server.terminate().unwrap();
    assert!(proxy.get("/", "").status >= 500);
    let said = String::from_utf8(proxy.running.heard()).unwrap();
    for word in ["127.0.0.1:", ADDRESS, "GET", "/v1/", "Somebody"] {
        assert!(
            !said
                .replace(&format!("127.0.0.1:{}", proxy.port), "")
                .contains(word),
            "{word}: {said}"
        );
    }
}

#[test]
fn nginx_serves_and_passes_nobody_on() {
    serves_and_hides(Kind::Nginx);
}

#[test]
fn caddy_serves_and_passes_nobody_on() {
    serves_and_hides(Kind::Caddy);
}

/// In the server's place: takes one request's head, answers 204, and gives the names of its fields.
fn listener(dir: &Path) -> JoinHandle<BTreeSet<String>> {
    let listener = UnixListener::bind(socket_of(dir)).unwrap();
    thread::spawn(move || {
        let (mut line, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            line.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        line.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            .unwrap();
        let text = String::from_utf8(head).unwrap();
        assert!(
            !text.contains(ADDRESS) && !text.contains("127.0.0.1"),
            "{text}"
        );
        let names = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        names.map(|(name, _)| name.to_ascii_lowercase()).collect()
    })
}

#[test]
fn of_a_requests_head_only_what_is_needed_goes_on() {
    for kind in [Kind::Nginx, Kind::Caddy, Kind::Door] {
        let scratch = tempfile::tempdir().unwrap();
        let server = listener(scratch.path());
        let proxy = kind.start(scratch.path());
        let fields = telling_fields() + "Accept-Encoding: br\r\n";
        assert_eq!(proxy.get("/", &fields).status, 204);
        let passed = server.join().unwrap();
        let mut wanted = vec!["host", "connection", "accept-encoding", "user-agent"];
        if matches!(kind, Kind::Door) {
            // By these it knows a form that another site sent.
            wanted.extend(["sec-fetch-site", "origin"]);
            assert!(passed.contains("sec-fetch-site"), "{passed:?}");
        }
        let more: Vec<_> = passed
            .iter()
            .filter(|name| !wanted.contains(&name.as_str()))
            .collect();
        assert!(more.is_empty(), "{more:?}");
        assert!(passed.contains("accept-encoding"), "{passed:?}");
    }
}

#[test]
fn tor_takes_its_configuration_and_tells_no_circuits_apart() {
    let path = root().join("deploy/tor/hafan.torrc");
    let mut command = Command::new("tor");
    command
        .args(["--verify-config", "--ignore-missing-torrc", "-f"])
        .arg(&path);
    let said = String::from_utf8(output("tor --verify-config", &mut command).unwrap()).unwrap();
    assert!(said.contains("Configuration was valid"), "{said}");
    assert!(!said.contains("[warn]"), "{said}");
    let text = fs::read_to_string(&path).unwrap();
    let options = || text.lines().filter(|line| !line.starts_with('#'));
    assert!(options().all(|line| !line.contains("ExportCircuitID")));
    for wanted in [
        "SocksPort 0",
        "HiddenServicePort 80 unix:/run/hafan/http.sock",
        "HiddenServicePoWDefensesEnabled 1",
    ] {
        assert!(options().any(|line| line == wanted), "{wanted}");
    }
}

/// The text of a unit, which systemd knows whole, and which is as tight as its page says.
fn unit(name: &str) -> String {
    let unit = root().join("deploy/systemd").join(name);
    let mut command = Command::new("systemd-analyze");
    command
        .args(["security", "--offline=yes", "--no-pager"])
        .arg(&unit);
    let said = String::from_utf8(output("systemd-analyze", &mut command).unwrap()).unwrap();
    let level = said
        .lines()
        .find_map(|line| line.split_once(&format!("Overall exposure level for {name}: ")))
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap();
    assert!(level.parse::<f32>().unwrap() <= 0.5, "{said}");
    let page = shipped("README.md");
    let told = format!("deploy/systemd/{name}`: exposure level {level} of 10");
    assert!(page.contains(&told), "{told}");
    let (_, said, errors) =
        hafan_tests::told(Command::new("systemd-analyze").arg("verify").arg(&unit)).unwrap();
    assert!(!(said + &errors).contains("Unknown"), "{errors}");
    fs::read_to_string(&unit).unwrap()
}

#[test]
fn a_command_is_run_as_the_service_would_run_it() {
    let script = shipped("debian/hafan/hafan-as-service");
    let service = shipped("systemd/hafan.service");
    let properties: Vec<&str> = script
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--property="))
        .filter(|property| !property.starts_with("BindReadOnlyPaths="))
        .collect();
    assert!(properties.len() > 8, "{properties:?}");
    for property in properties {
        assert!(service.lines().any(|line| line == property), "{property}");
    }
}

#[test]
fn the_units_are_as_tight_as_their_page_says_and_give_no_secret_away() {
    for name in ["hafan.service", "hafan-gateway.service"] {
        let text = unit(name);
        let set = |name: &str| text.lines().any(|line| line.starts_with(name));
        assert!(set("LimitCORE=0") && set("MemorySwapMax=0"), "{name}");
        assert!(set("PrivateNetwork=yes"), "{name}");
        assert!(!set("Environment") && !set("PassEnvironment"), "{name}");
        // The gateway has no secret, and locks what it holds.
        let is_gateway = name.starts_with("hafan-gateway");
        assert_eq!(set("LoadCredential="), !is_gateway, "{name}");
        assert_eq!(set("LimitMEMLOCK=infinity"), is_gateway, "{name}");
    }
}

/// The address family that is all a server behind these proxies needs.
#[test]
fn a_server_that_is_given_its_key_by_the_service_manager_starts() {
    let laid = lay_out("");
    let credentials = laid.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::rename(laid.path("log.key"), credentials.join("log.key")).unwrap();
    let only_read = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    fs::set_permissions(credentials.join("log.key"), only_read).unwrap();
    let text = fs::read_to_string(laid.path("config.toml")).unwrap();
    let text = put_in(
        &text,
        &[("\"log.key\"", "\"credentials/log.key\"".to_owned())],
    );
    fs::write(laid.path("config.toml"), text).unwrap();
    let server = laid.serve();
    let address: SocketAddr = server.address;
    let answer = xtask::http::get(address, "/readyz", &[]).unwrap();
    assert_eq!(answer.status, 200);
    // Neither what it was started with nor its environment holds it.
    let proc = format!("/proc/{}", server.process.id());
    let key = fs::read_to_string(server.laid.path("credentials/log.key")).unwrap();
    let seed = key.split_whitespace().last().unwrap();
    for file in ["cmdline", "environ"] {
        let held = fs::read(format!("{proc}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&held).contains(seed), "{file}");
    }
}
