// openai_client.mjs BASE_URL MODEL: OpenAI's own client for Node against a running service.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The package lies in the folder that the script is started in.
const require = createRequire(`${process.cwd()}/`);
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

const [base, model] = process.argv.slice(2);
const plain = `${model}:plain`;
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "unused", maxRetries: 0 });
const messages = [{ role: "user", content: "Name a colour." }];

const names = [];
for await (const entry of client.models.list()) names.push(entry.id);
assert(names.includes(model) && names.includes(plain));

const whole = await client.chat.completions.create({ model: plain, messages, temperature: 0, max_tokens: 12 });
assert.equal(whole.grounded, false);
const stream = await client.chat.completions.create({
    model: plain, messages, temperature: 0, max_tokens: 12, stream: true, stream_options: { include_usage: true },
});
let text = "", usage;
for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].message.content);
assert.equal(usage.total_tokens, whole.usage.total_tokens);

const schema = {
    type: "object",
    properties: { colour: { enum: ["red", "green"] }, coats: { type: "integer", minimum: 1, maximum: 4 } },
    required: ["colour", "coats"],
    additionalProperties: false,
};
const response_format = { type: "json_schema", json_schema: { name: "paint", strict: true, schema } };
const paint = await client.chat.completions.parse({ model, messages, response_format, temperature: 1, seed: 2 });
const value = JSON.parse(paint.choices[0].message.content);
assert(["red", "green"].includes(value.colour) && value.coats >= 1 && value.coats <= 4);

const tools = [{ type: "function", function: { name: "mix", parameters: schema } }];
const called = await client.chat.completions.create({ model, messages, tools, tool_choice: "required", seed: 1 });
assert.equal(called.choices[0].finish_reason, "tool_calls");
assert(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments).coats >= 1);
const runner = client.chat.completions.stream({ model, messages, tools, tool_choice: "required", seed: 1 });
const final = await runner.finalChatCompletion();
assert.equal(final.choices[0].message.tool_calls[0].function.name, "mix");

const known = await client.chat.completions.create({ model: plain, messages, max_tokens: 4, logprobs: true, top_logprobs: 2 });
assert.equal(known.choices[0].logprobs.content[0].top_logprobs.length, 2);
const completion = await client.completions.create({ model, prompt: "One, two,", max_tokens: 4, n: 2 });
assert.equal(completion.choices.length, 2);
const encoder = names.find((name) => !name.startsWith(model));
const vectors = await client.embeddings.create({ model: encoder, input: "a quince" });
assert(vectors.data[0].embedding.length > 100);

const refused = async (kind, param, call) => {
    const error = await call().then(() => assert.fail(`${kind.name} was expected for ${param}`), (error) => error);
    assert(error instanceof kind, `${error}`);
    assert.equal(error.param, param);
};
const ask = (more) => () => client.chat.completions.create({ model: plain, messages, ...more });
await refused(OpenAI.NotFoundError, "model", ask({ model: "gpt-4" }));
await refused(OpenAI.BadRequestError, "messages", ask({ messages: [] }));
await refused(OpenAI.BadRequestError, "temperature", ask({ temperature: 50 }));
await refused(OpenAI.BadRequestError, "messages", ask({ messages: [{ role: "user", content: "word ".repeat(9000) }] }));
await refused(OpenAI.BadRequestError, "response_format", ask({ response_format: { type: "json_schema", json_schema: {} } }));
const { version } = JSON.parse(readFileSync("node_modules/openai/package.json", "utf8"));
console.log(`openai ${version} (Node): all checks hold`);
