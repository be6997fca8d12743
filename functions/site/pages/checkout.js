// Posts a form to PayU. Its fields are in the address after the #, which browsers send to no
// server.
const allowed = {{allowed}};
const english = /^en\b/i.test(navigator.language || "es");
const words = english ? {
  title: "To the payment", text: "PayU opens in a moment. If it does not, use the button.", go: "Continue to PayU",
  nothing: "This address leads to no payment. Go back to your order and try again.", back: "My orders",
  late: "Your reservation ended at {time}. If you pay now, you get your tickets only if your places are still free; if not, you get your money back.",
} : {
  title: "Al pago", text: "PayU se abre en un momento. Si no se abre, usa el botón.", go: "Continuar a PayU",
  nothing: "Esta dirección no lleva a ningún pago. Vuelve a tu compra e inténtalo otra vez.", back: "Mis compras",
  late: "Tu reserva terminó a las {time}. Si pagas ahora, recibes tus entradas solo si tus lugares siguen libres; si no, te devolvemos el dinero.",
};
const byId = id => document.getElementById(id);
document.documentElement.lang = english ? "en" : "es";
document.title = `${words.title} · Taquilla`;
byId("title").textContent = words.title;
byId("go").textContent = words.go;
byId("back").textContent = words.back;
byId("back").hidden = false;

const given = new URLSearchParams(location.hash.slice(1));
const action = given.get("action");
const until = new Date(Number(given.get("until")) * 1000);
given.delete("action");
given.delete("until");
if (allowed.includes(action)) {
  const form = byId("form");
  form.action = action;
  for (const [name, value] of given) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  form.hidden = false;
  const late = until < new Date();
  const time = until.toLocaleTimeString(english ? "en" : "es", { timeStyle: "short" });
  byId("text").textContent = late ? words.late.replace("{time}", time) : words.text;
  // Posted automatically only once, and in time: a buyer who comes back must be able to stay.
  if (!late && !history.state?.posted) {
    history.replaceState({ posted: true }, "");
    form.requestSubmit();
  }
} else {
  byId("text").textContent = words.nothing;
}
