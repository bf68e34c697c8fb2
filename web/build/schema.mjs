// Checks what people write as data against a JSON Schema, and says in plain words what is wrong and where.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";

const contentDir = fileURLToPath(new URL("../content", import.meta.url));
const options = { allErrors: true, strict: true };
const ajv = new Ajv(options);
const ajv2020 = new Ajv2020(options);
const checks = new Map();

/** Throws an error that names `file` and every place in `value` that `schema` (a file of content/) does not allow. */
export function checkSchema(schema, file, value) {
  if (!checks.has(schema)) checks.set(schema, compile(JSON.parse(readFileSync(join(contentDir, schema), "utf8"))));
  const check = checks.get(schema);
  if (check(value)) return;
  const said = new Set(check.errors.map((error) => `${placeOf(error, value)} ${wanted(error)}`));
  throw new Error(`${file}: ${[...said].join("; ")}`);
}

function compile(schema) {
  return (schema.$schema?.includes("2020-12") ? ajv2020 : ajv).compile(schema);
}

/** `promise.cy`, or for a list `entry "childline": hours`. */
function placeOf({ instancePath, params }, value) {
  const steps = instancePath.split("/").slice(1);
  const missing = params.missingProperty ?? params.additionalProperty;
  if (missing !== undefined) steps.push(missing);
  if (!Array.isArray(value)) return steps.join(".") || "the file";
  const [index, ...rest] = steps;
  return `entry "${value[Number(index)]?.id ?? index}": ${rest.join(".")}`.trimEnd();
}

function wanted({ keyword, params, message }) {
  switch (keyword) {
    case "required":
      return "is missing; write it";
    case "additionalProperties":
      return "is not known; remove it, or look for a slip in its name";
    case "enum":
      return `is none of ${params.allowedValues.map((value) => JSON.stringify(value)).join(", ")}`;
    case "minLength":
      return "is empty; write it";
    default:
      return message;
  }
}
