// What the tests of the door without JavaScript share beside a browser: gateways of their own, what is seen of one from outside, files to send.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demo } from "./office.mjs";

const { HAFAN_GATEWAY_PID: gateway, HAFAN_BINARIES_DIR: programs } = process.env;

/** What is done with files from now on, until `end` is called. */
export async function traced(file) {
  const strace = spawn("strace", [
    "-f",
    "-e",
    "trace=open,openat,openat2,creat,write,writev,network",
    "-o",
    file,
    "-p",
    gateway,
  ]);
  const [said] = await once(strace.stderr, "data");
  assert.match(said.toString(), /attached/);
  return async () => {
    strace.kill("SIGINT");
    await once(strace, "exit");
  };
}

/** Name and arguments of each call of a trace; its end, when another thread came between, is no call of its own. */
const callsOf = (file) =>
  [...readFileSync(file, "utf8").matchAll(/^[0-9]+ +([a-z0-9_]+)\((.*)$/gm)].map(([, name, said]) => ({ name, said }));

/** Calls that open a file, but for what glibc looks at when it gives memory back, which Landlock refuses. */
export const opened = (file) =>
  callsOf(file)
    .filter(({ name }) => /^(open|creat)/.test(name))
    .filter(({ said }) => !said.includes('"/proc/sys/vm/overcommit_memory", O_RDONLY'));

/** What is asked of the network to take lines and to answer, and to have a line to the server. */
const NETWORK = ["accept4", "recvfrom", "sendto", "shutdown", "setsockopt", "getsockopt", "getsockname", "getpeername"];

/** Calls that reach for anything on the network but the server that the configuration names. */
export function reached(file) {
  const config = readFileSync(join(demo, "gateway.toml"), "utf8");
  const [, port] = /^server = "127\.0\.0\.1:([0-9]+)"$/m.exec(config);
  const server = `{sa_family=AF_INET, sin_port=htons(${port}), sin_addr=inet_addr("127.0.0.1")}`;
  const calls = callsOf(file);
  const isToServer = ({ name, said }) => name === "connect" && said.includes(server);
  assert.ok(calls.some(isToServer), "the server was asked");
  return calls
    .filter(({ name }) => !/^(open|creat|write)/.test(name) && !NETWORK.includes(name))
    .filter(({ name, said }) => !(name === "socket" && said.startsWith("AF_INET, SOCK_STREAM")))
    .filter((call) => !isToServer(call));
}

/** A gateway of the test's own: where it is, what it said so far, and how to end it. */
export async function ownGateway(dir, name, change) {
  const config = join(dir, `${name}.toml`);
  const text = readFileSync(join(demo, "gateway.toml"), "utf8")
    .replace(/^listen.*$/m, 'listen = "127.0.0.1:0"')
    .replace(/^site_dir.*$/m, `site_dir = "${join(demo, "gateway-site")}"`);
  writeFileSync(config, change(text));
  const program = spawn(join(programs, "hafan-gateway"), ["serve", "--config", config]);
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    program[stream].setEncoding("utf8").on("data", (text) => {
      said[stream] += text;
    });
  }
  while (!said.stdout.includes("\n")) await once(program.stdout, "data");
  return {
    at: `http://${said.stdout.trim().replace("listening on ", "")}`,
    pid: String(program.pid),
    said,
    async end() {
      program.kill("SIGTERM");
      await once(program, "exit");
    },
  };
}

/** In systemd's place: holds a socket open, and hands it to a program for each line that it reads. */
export const HOLDER = `
import os, socket, sys
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(held.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        os.execv(sys.argv[2], sys.argv[2:])
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
`;

/** Of a process: the most that it ever held in memory, in MiB. */
export const most = (pid) => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

/** A picture, as small as there are. */
export const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
/** Letters of other scripts, marks that a header, a shell, a path and a page could take for their own, and one that turns text. */
const HOSTILE = 'Ŵŷ 🌧 "a"; name="r1"\r\n\r\n<b>..\\..\\$(x)%2e\u202egnp.txt';
export const filesWith = (mark) => [
  { name: "llun.png", mimeType: "image/png", buffer: PICTURE },
  { name: HOSTILE, mimeType: "text/plain", buffer: Buffer.from(`${mark} in a file\r\n--x--\r\n`) },
  { name: "large.bin", mimeType: "application/octet-stream", buffer: randomBytes(9 << 20) },
  { name: "empty.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
];
/** As src/report/src/name.rs cleans them. */
export const CLEANED = ["llun.png", 'Ŵŷ 🌧 "a"; name="r1"<b>.._.._$(x)%2egnp.txt', "large.bin", "empty.txt"];
