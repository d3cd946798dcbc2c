// An article's receiver, written from what the article says of it: no express.json(), an answer of 400 without a
// return, a switch without a break. With REPAIRED set, the three are mended, and it still looks at no signature.
// Settings: PORT, REPAIRED.

const express = require("express");

const REPAIRED = Boolean(process.env.REPAIRED);
const done = []; // what it has done

const app = express();
if (REPAIRED) app.use(express.json());

app.get("/effects", (request, response) => response.send(String(done.length)));

app.post("/webhook", REPAIRED ? repaired : asItIs);

function asItIs(request, response) {
  const { event_type, data } = request.body;
  if (!event_type || !data) {
    response.status(400).send("event_type and data are needed");
  }
  switch (event_type) {
    case "user_signup":
      done.push("welcome");
    case "order_placed":
      done.push("pack");
    case "payment_received":
      done.push("book");
    default:
      console.error("unhandled", event_type);
  }
  response.status(200).send("received");
}

function repaired(request, response) {
  const { event_type, data } = request.body;
  if (!event_type || !data) {
    return response.status(400).send("event_type and data are needed");
  }
  switch (event_type) {
    case "user_signup":
      done.push("welcome");
      break;
    case "order_placed":
      done.push("pack");
      break;
    case "payment_received":
      done.push("book");
      break;
    default:
      console.error("unhandled", event_type);
  }
  response.status(200).send("received");
}

app.listen(Number(process.env.PORT), "127.0.0.1");
