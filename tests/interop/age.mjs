// npm age-encryption against Rust's age, both ways. Started by tests/tests/interop.rs:
//
//   node tests/interop/age.mjs FOLDER
//
// FOLDER/jobs.json: { identity, names }. For each name, NAME.rust.age must open with the identity
// to the bytes of NAME.plain, and NAME.plain is sealed to it as NAME.node.age.
// Written to the output: { recipient, fresh: { identity, recipient } }.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";

const folder = process.argv[2];
const { identity, names } = JSON.parse(readFileSync(join(folder, "jobs.json"), "utf8"));
const recipient = await identityToRecipient(identity);

for (const name of names) {
  const plain = readFileSync(join(folder, `${name}.plain`));
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const opened = await decrypter.decrypt(readFileSync(join(folder, `${name}.rust.age`)));
  if (!plain.equals(opened)) throw new Error(`${name}.rust.age holds other bytes than ${name}.plain`);
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  writeFileSync(join(folder, `${name}.node.age`), await encrypter.encrypt(new Uint8Array(plain)));
}

const fresh = await generateHybridIdentity();
console.log(JSON.stringify({ recipient, fresh: { identity: fresh, recipient: await identityToRecipient(fresh) } }));
