// Opens an envelope with npm's age-encryption, by the format's author: nothing of Hafan's is used.
// Arguments: a file of identities, one a line; the envelope; where the padded goes.
import { readFile, writeFile } from "node:fs/promises";
import { Decrypter } from "age-encryption";

const [identities, envelope, padded] = process.argv.slice(2);
const decrypter = new Decrypter();
for (const line of (await readFile(identities, "utf8")).split("\n")) {
  if (line !== "") decrypter.addIdentity(line);
}
await writeFile(padded, await decrypter.decrypt(await readFile(envelope), "uint8array"));
