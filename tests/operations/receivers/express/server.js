// A correct receiver for Standard Webhooks in Express, by the package standardwebhooks.
// Settings: PORT, WEBHOOK_SECRET.

const express = require("express");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const LIMIT = 100_000; // bytes
const HANDLED = new Set(["user_signup", "order_placed", "payment_received"]);
const webhooks = new Webhook(process.env.WEBHOOK_SECRET);
const done = new Set(); // ids; it dies with the process, so a product keeps them in a database

const app = express();

// The raw body, whatever its type says, and never unpacked: that is what was signed.
const raw = express.raw({ type: () => true, limit: LIMIT, inflate: false });

app.post("/webhook", raw, (request, response) => {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  let event;
  try {
    event = webhooks.verify(body, request.headers);
  } catch (error) {
    // What is verified and no JSON is another error.
    return response.sendStatus(error instanceof WebhookVerificationError ? 401 : 400);
  }
  const { id, event_type: kind } = event ?? {};
  if (typeof id !== "string" || !id || id.length > 200 || typeof kind !== "string") return response.sendStatus(400);
  if (HANDLED.has(kind)) done.add(id); // to look and to add is one step here: nothing comes between
  response.sendStatus(204);
});

app.all("/webhook", (request, response) => response.sendStatus(405));
app.get("/effects", (request, response) => response.send(String(done.size)));

// Four parameters make it the handler of errors: a body too large, cut, or packed.
app.use((error, request, response, next) => {
  response.sendStatus(error.status ?? 500);
});

app.listen(Number(process.env.PORT), "127.0.0.1");
