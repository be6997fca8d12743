// Has Mercado Pago's own library for Node.js talk to the simulator, and read the notices that
// it signs. Started by the test `the_vendors_library_talks_to_it`; `cargo xtask sdk` installs
// the library. Every step prints a line; the first that fails ends it.

const assert = require("node:assert/strict");
const { createServer } = require("node:http");
const { MercadoPagoConfig, MerchantOrder, Payment, PaymentRefund, Preference, WebhookSignatureValidator } = require("mercadopago");
// The library has no option for another address; this is where it keeps its own.
const { AppConfig } = require("mercadopago/dist/utils/config");

const { SIMULATOR_URL: url, ACCESS_TOKEN: accessToken, WEBHOOK_SECRET: secret } = process.env;
AppConfig.BASE_URL = url;
const config = new MercadoPagoConfig({ accessToken, options: { timeout: 5000 } });

const done = what => console.log(`ok: ${what}`);

async function control(about, action) {
  const answer = await fetch(`${url}/control/payments/${about}/${action}`, { method: "POST" });
  assert.equal(answer.status, 200, await answer.text());
}

const notices = [];

// Answers once so many signed notices are there.
async function heard(count) {
  for (let tries = 0; tries < 100 && notices.length < count; tries += 1) await new Promise(next => setTimeout(next, 50));
  assert.ok(notices.length >= count, `${notices.length} of ${count} notices`);
}

async function main(shop) {
  const preferences = new Preference(config);
  const items = [{ id: "tickets", title: "Dos entradas", quantity: 1, unit_price: 25000 }];
  const body = { items, external_reference: "sdk-1", notification_url: `${shop}?source_news=webhooks`, back_urls: { success: `${shop}/back` } };
  const made = await preferences.create({ body });
  assert.ok(made.id && made.init_point.includes(made.id));
  done("Preference.create");
  const read = await preferences.get({ preferenceId: made.id });
  assert.deepEqual([read.id, read.items[0].unit_price, read.external_reference], [made.id, 25000, "sdk-1"]);
  done("Preference.get");
  const changed = await preferences.update({ id: made.id, updatePreferenceRequest: { ...body, statement_descriptor: "SALA" } });
  assert.equal(changed.statement_descriptor, "SALA");
  done("Preference.update");

  const payments = new Payment(config);
  await control(made.id, "approve");
  const found = await payments.search({ options: { external_reference: "sdk-1", sort: "date_created", criteria: "desc" } });
  assert.equal(found.paging.total, 1);
  done("Payment.search");
  const payment = await payments.get({ id: found.results[0].id });
  assert.deepEqual([payment.status, payment.transaction_amount, payment.external_reference], ["approved", 25000, "sdk-1"]);
  done("Payment.get");

  const refunds = new PaymentRefund(config);
  const part = await refunds.create({ payment_id: payment.id, body: { amount: 9000 } });
  assert.deepEqual([part.amount, part.status], [9000, "approved"]);
  assert.equal((await refunds.get({ payment_id: payment.id, refund_id: part.id })).id, part.id);
  assert.equal((await refunds.list({ payment_id: payment.id })).length, 1);
  await refunds.total({ payment_id: payment.id });
  assert.equal((await payments.get({ id: payment.id })).status, "refunded");
  done("PaymentRefund.create, get, list and total");

  const second = await preferences.create({ body: { ...body, external_reference: "sdk-2" } });
  await control(second.id, "begin");
  const [pending] = (await payments.search({ options: { external_reference: "sdk-2", sort: "date_created", criteria: "desc" } })).results;
  assert.equal((await payments.cancel({ id: pending.id })).status, "cancelled");
  await assert.rejects(payments.cancel({ id: payment.id }), { status: 400 });
  done("Payment.cancel");

  await heard(6);
  for (const { headers, query } of notices) {
    const notice = { xSignature: headers["x-signature"], xRequestId: headers["x-request-id"], dataId: query.get("data.id"), secret };
    WebhookSignatureValidator.validate(notice);
    const forged = { ...notice, dataId: `${notice.dataId}1` };
    assert.throws(() => WebhookSignatureValidator.validate(forged), { reason: "SignatureMismatch" });
    // It takes the time for seconds; ours comes in milliseconds every other time.
    const [, ts] = notice.xSignature.match(/ts=(\d+)/);
    if (ts.length <= 10) WebhookSignatureValidator.validate({ ...notice, toleranceSeconds: 300, now: () => Number(ts) * 1000 });
  }
  done(`WebhookSignatureValidator of ${notices.length} notices`);
  const order = notices.find(({ query, body }) => (query.get("type") ?? body.type ?? body.topic).includes("merchant_order"));
  const merchantOrder = await new MerchantOrder(config).get({ merchantOrderId: order.query.get("data.id") ?? order.body.data?.id ?? order.body.id });
  assert.ok(merchantOrder.external_reference.startsWith("sdk-"));
  done("MerchantOrder.get");
}

const server = createServer((request, response) => {
  const { searchParams: query } = new URL(request.url, "http://127.0.0.1");
  const chunks = [];
  request.on("data", chunk => chunks.push(chunk)).on("end", () => {
    notices.push({ headers: request.headers, query, body: JSON.parse(Buffer.concat(chunks).toString()) });
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => {
  main(`http://127.0.0.1:${server.address().port}/hook`).then(
    () => process.exit(0),
    error => {
      console.error(error);
      process.exit(1);
    },
  );
});
