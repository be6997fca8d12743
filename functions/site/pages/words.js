// ---- Words

const preferred = navigator.language || "es";
const lang = /^en\b/i.test(preferred) ? "en" : "es";
const locale = preferred.toLowerCase().startsWith(lang) ? preferred : lang;
document.documentElement.lang = lang;

const spanish = {
  programme: "Cartelera", tickets: "Mis entradas", orders: "Mis compras", ticketsShort: "Entradas", ordersShort: "Compras", signIn: "Entrar", signOut: "Salir", secondCode: "Código de tu aplicación, o de recuperación", usePasskey: "Usar mi llave de acceso",
  skip: "Saltar al contenido", loading: "Cargando…", retry: "Reintentar", back: "Volver a la cartelera",
  notFound: "Esta página no existe.", offline: "No hay conexión con la taquilla. Revisa tu red e inténtalo otra vez.",
  failed: "Algo salió mal. Inténtalo otra vez.", wrongFields: "Revisa lo que escribiste.",
  search: "Buscar artista, lugar o ciudad", found: n => n === 1 ? "1 evento" : `${n} eventos`,
  nothingFound: "No hay eventos así.", nothingOn: "Por ahora no hay eventos.", more: "Ver más", from: price => `Desde ${price}, con todo incluido`, free: "Gratis",
  doors: "Puertas", soldBy: "Vende", chooseTickets: "Entradas", buyElsewhere: "Comprar en otro sitio", state: status => status === "cancelled" ? "Cancelado" : "Aplazado", quantity: area => `Cantidad: ${area}`,
  left: n => n === 1 ? "Queda 1" : `Quedan ${n}`, lastLeft: n => n === 1 ? "¡Queda 1!" : `¡Últimas ${n}!`, soldOut: "Agotado por ahora",
  admits: n => `Cada entrada admite a ${n} personas`, feesIncluded: "con cargo por servicio e impuestos", each: "por entrada",
  stageLeft: n => `${n} a este precio`, then: (price, when) => `${price} desde el ${when}`,
  seats: n => `Elegir asientos (${n} libres)`, stage: "Escenario", seatName: (row, n) => `Fila ${row}, asiento ${n}`,
  taken: "ocupado", mostTickets: n => `Una compra puede tener hasta ${n} entradas.`,
  seatsGone: list => `Alguien tomó ${list} mientras elegías.`, chosen: list => `Elegidos: ${list}`,
  code: "Código de promoción", apply: "Aplicar", codeApplied: code => `Código ${code} aplicado.`,
  codeNotApplied: (code, why) => `El código ${code} no se aplicó; este es el precio sin él. ${why}`,
  outgrown: (name, left, price) => `A ${price} (${name}) ${left === 1 ? "queda solo 1 entrada" : `quedan solo ${left} entradas`}. Pediste más, así que ninguna tiene ese precio: elige ${left === 1 ? "1" : `hasta ${left}`} para tenerlo.`,
  summary: "Tu compra", nothingChosen: "Elige tus entradas para ver el precio.", base: "Precio", promotion: "Promoción",
  fee: "Cargo por servicio", vat: "IVA", vatIncluded: "IVA incluido", total: "Total", stageLine: name => name || "Etapa de venta",
  reserve: "Reservar y pagar", reserveFree: "Confirmar", reserveNote: m => `Guardamos tus lugares ${m} minutos mientras pagas.`,
  acceptPolicies: "Leí y acepto las condiciones del organizador", policy: kind => ({ terms: "Términos", privacy: "Privacidad", refunds: "Devoluciones" })[kind] ?? kind,
  signInToBuy: "Entra para comprar",
  attendee: n => `Asistente ${n}`, nombre: "Nombre", rut: "Documento de identidad", fecha_nacimiento: "Fecha de nacimiento",
  email: "Correo electrónico", password: "Contraseña", newPassword: "Contraseña nueva (10 caracteres o más)",
  forgot: "Olvidé mi contraseña", noAccount: "Crear una cuenta", haveAccount: "Ya tengo una cuenta",
  byLink: "Entrar sin contraseña", sendLink: "Enviarme un enlace", checkMail: "Revisa tu correo: te enviamos un enlace.",
  linkReady: "Tu enlace está listo.", linkUse: "Entrar en este dispositivo", register: "Crear cuenta", name: "Nombre, como saldrá en tus entradas",
  reset: "Cambiar la contraseña", resetDone: "Tu contraseña cambió. Ya puedes entrar con ella.", save: "Guardar",
  newLink: "Pedir otro enlace",
  order: "Compra", status: { held: "Reservada, falta pagar", awaiting_payment: "Esperando el pago", paid: "Pagada", partly_refunded: "Devuelta en parte", refunded: "Devuelta", released: "Vencida o cancelada", refund_due: "Pago tardío: te devolvemos el dinero" },
  withdraw: until => `Arrepentirme de la compra (hasta el ${until})`, withdrawText: "Devuelves las entradas que no usaste ni pasaste a otra persona, y te devolvemos el dinero.", withdrawNow: "Devolver mis entradas", withdrawn: at => `Te arrepentiste de esta compra el ${at}.`,
  erase: "Borrar mis datos", eraseText: "Los pedidos que hiciste sin cuenta con este correo pierden tu nombre, correo y teléfono. No se puede deshacer.", eraseAsk: "Pedir el correo que lo confirma", eraseMailed: to => `Te escribimos a ${to}: abre ese correo para confirmarlo.`, erased: "Listo. En media hora no queda nada tuyo.", eraseWaits: "Listo. Lo que espera un pago o una función se borra cuando termine.",
  timeLeft: time => `Tus lugares están guardados ${time} más.`, timeOver: "El plazo terminó.", pay: "Pagar", payAgain: "Seguir con el pago", cancel: "Cancelar la reserva",
  declined: "El último pago no fue aceptado. Puedes intentarlo otra vez.", waiting: "Esperamos la confirmación de la pasarela. Esta página se actualiza sola.",
  looking: "Buscando tu pago", lookingAt: name => `${name} todavía no nos confirma. Suele tardar menos de un minuto. No pagues otra vez.`,
  lookingOn: "Guardamos tus lugares mientras buscamos. Tus entradas te llegan por correo aunque cierres esta página.",
  stillOpen: (name, until) => `La página de pago de ${name} puede seguir abierta${until ? ` hasta las ${until}` : ""}. No pagues allí: ya no compra entradas, y el dinero vuelve a ti.`,
  stillDecided: name => `${name} todavía decide sobre tu pago. Si lo aprueba, no compra entradas: el dinero vuelve a ti.`,
  waitingLate: "Si ya pagaste, la confirmación puede tardar unos minutos: recibirás tus entradas si tus lugares siguen libres, o tu dinero de vuelta.",
  payWith: name => `Pagar con ${name}`, otherWays: "Este organizador también recibe pagos por otra pasarela:",
  refund: {
    pending: amount => `${amount} van de vuelta a tu medio de pago. El banco puede tardar unos días.`,
    done: amount => `Devolvimos ${amount}.`,
    by_hand: (amount, since) => `El organizador te devuelve ${amount} a mano, desde el ${since}. Te avisaremos cuando esté hecho.`,
  },
  unused: {
    paid_twice: "Este pedido se pagó dos veces y este pago sobra. Tu compra sigue en pie.",
    places_gone: "Este pago llegó cuando los lugares ya eran de otra persona.",
    cancelled: "Este pago llegó después de que cancelaste la reserva.",
    places_lost: "Pagaste a tiempo, pero por un error nuestro tus lugares quedaron para otra persona.",
  },
  disputed: "Tu banco está revisando este pago.",
  seeTickets: "Ver mis entradas", mailed: "También las enviamos a tu correo.", returned: "Devuelto",
  noOrders: "Todavía no tienes compras.", noTickets: "Todavía no tienes entradas.",
  ticketStatus: { valid: "Válida", used: "Usada", revoked: "Devuelta" }, seat: "Asiento", received: "Te la pasaron", usedAt: when => `Usada el ${when}`,
  qrOf: what => `Código QR de la entrada: ${what}`, qrHint: "Muestra este código en la puerta.", qrMissing: "El código no se pudo cargar.",
  transfer: "Una entrada para ti", transferText: "Alguien te quiere pasar una entrada. Al aceptarla será tuya y el código anterior dejará de valer.",
  invitation: "Una invitación", invitedTo: (name, role, by) => `«${name}» te invita a su equipo, para ${role}. La invitación la hizo ${by}.`,
  roles: { scanner: "revisar entradas en la puerta", coordinator: "atender a la comunidad y sus descuentos", organizer: "organizar eventos", admin: "administrar todo" },
  join: "Aceptar la invitación", decline: "Rechazar", joined: name => `Ya eres parte del equipo de ${name}. Lo demás que haces en Taquilla sigue igual.`, declined_invitation: "Rechazaste la invitación.",
  confirm: "Confirmar tu correo", confirmFirst: "Si creaste esta cuenta tú, entra con tu contraseña: así la confirmas y todo sigue igual.",
  confirmWithout: "Entrar sin contraseña", confirmWithoutText: "Si no elegiste una contraseña, o no la creaste tú, entra solo con el enlace: la contraseña que haya deja de valer y se cierran las demás sesiones.",
  noPassword: "Tu cuenta no tiene contraseña: puedes entrar con enlaces, o elegir una.", goOn: "Seguir",
  accept: "Aceptar la entrada", accepted: "La entrada es tuya.", noToken: "Al enlace le falta una parte. Ábrelo otra vez desde el correo.",
};

const english = {
  programme: "What's on", tickets: "My tickets", orders: "My orders", ticketsShort: "Tickets", ordersShort: "Orders", signIn: "Sign in", signOut: "Sign out", secondCode: "Code of your app, or a recovery code", usePasskey: "Use my passkey",
  skip: "Skip to content", loading: "Loading…", retry: "Try again", back: "Back to what's on",
  notFound: "There is no such page.", offline: "The box office cannot be reached. Check your network and try again.",
  failed: "Something went wrong. Please try again.", wrongFields: "Please check what you typed.",
  search: "Search artist, venue or city", found: n => n === 1 ? "1 show" : `${n} shows`,
  nothingFound: "There are no such shows.", nothingOn: "There are no shows for now.", more: "Show more", from: price => `From ${price}, everything included`, free: "Free",
  doors: "Doors", soldBy: "Sold by", chooseTickets: "Tickets", buyElsewhere: "Buy on another site", state: status => status === "cancelled" ? "Cancelled" : "Postponed", quantity: area => `Quantity: ${area}`,
  left: n => `${n} left`, lastLeft: n => `Last ${n}!`, soldOut: "Sold out for now",
  admits: n => `Each ticket admits ${n} people`, feesIncluded: "with service fee and taxes", each: "per ticket",
  stageLeft: n => `${n} at this price`, then: (price, when) => `${price} from ${when}`,
  seats: n => `Choose seats (${n} free)`, stage: "Stage", seatName: (row, n) => `Row ${row}, seat ${n}`,
  taken: "taken", mostTickets: n => `One order can have up to ${n} tickets.`,
  seatsGone: list => `Somebody took ${list} while you were choosing.`, chosen: list => `Chosen: ${list}`,
  code: "Promotion code", apply: "Apply", codeApplied: code => `Code ${code} applied.`,
  codeNotApplied: (code, why) => `The code ${code} did not apply; this is the price without it. ${why}`,
  outgrown: (name, left, price) => `Only ${left} ${left === 1 ? "ticket is" : "tickets are"} left at ${price} (${name}). You want more, so none has that price: choose ${left === 1 ? "1" : `up to ${left}`} to have it.`,
  summary: "Your order", nothingChosen: "Choose tickets to see the price.", base: "Price", promotion: "Promotion",
  fee: "Service fee", vat: "VAT", vatIncluded: "VAT included", total: "Total", stageLine: name => name || "Sale stage",
  reserve: "Reserve and pay", reserveFree: "Confirm", reserveNote: m => `We keep your places for ${m} minutes while you pay.`,
  acceptPolicies: "I have read and accept the organiser's conditions", policy: kind => ({ terms: "Terms", privacy: "Privacy", refunds: "Refunds" })[kind] ?? kind,
  signInToBuy: "Sign in to buy",
  attendee: n => `Attendee ${n}`, nombre: "Name", rut: "National id", fecha_nacimiento: "Date of birth",
  email: "E-mail", password: "Password", newPassword: "New password (10 characters or more)",
  forgot: "I forgot my password", noAccount: "Create an account", haveAccount: "I have an account",
  byLink: "Sign in without a password", sendLink: "Send me a link", checkMail: "Check your e-mail: we sent you a link.",
  linkReady: "Your link is ready.", linkUse: "Sign in on this device", register: "Create account", name: "Name, as it will stand on your tickets",
  reset: "Change the password", resetDone: "Your password is changed. You can sign in with it now.", save: "Save",
  newLink: "Ask for another link",
  order: "Order", status: { held: "Reserved, not paid yet", awaiting_payment: "Waiting for the payment", paid: "Paid", partly_refunded: "Partly refunded", refunded: "Refunded", released: "Expired or cancelled", refund_due: "Paid too late: your money goes back" },
  withdraw: until => `Withdraw from this purchase (until ${until})`, withdrawText: "You give back the tickets that you neither used nor handed on, and the money goes back.", withdrawNow: "Give my tickets back", withdrawn: at => `You withdrew from this purchase on ${at}.`,
  erase: "Erase my data", eraseText: "The orders that you made without an account with this address lose your name, address and telephone number. It cannot be undone.", eraseAsk: "Mail me the confirmation", eraseMailed: to => `We wrote to ${to}: open that mail to confirm it.`, erased: "Done. In half an hour nothing of you is left.", eraseWaits: "Done. What waits for a payment or a show is erased when that is over.",
  timeLeft: time => `Your places are kept for ${time} more.`, timeOver: "The time is over.", pay: "Pay", payAgain: "Continue to pay", cancel: "Cancel the reservation",
  declined: "The last payment was not accepted. You can try again.", waiting: "We are waiting for the payment gateway to confirm. This page updates itself.",
  looking: "Looking for your payment", lookingAt: name => `${name} has not confirmed yet. It usually takes less than a minute. Do not pay again.`,
  lookingOn: "We keep your places while we look. Your tickets come by e-mail even if you close this page.",
  stillOpen: (name, until) => `The payment page of ${name} may still be open${until ? ` until ${until}` : ""}. Do not pay there: it buys no tickets any more, and the money goes back to you.`,
  stillDecided: name => `${name} has yet to decide about your payment. If it is approved it buys no tickets: the money goes back to you.`,
  waitingLate: "If you have paid, the confirmation may take some minutes: you will get your tickets if your places are still free, or your money back.",
  payWith: name => `Pay with ${name}`, otherWays: "This organiser takes payments at another gateway too:",
  refund: {
    pending: amount => `${amount} are on their way back to you. The bank may take some days.`,
    done: amount => `${amount} went back to you.`,
    by_hand: (amount, since) => `The organiser gives ${amount} back to you by hand, since ${since}. We will tell you when it is done.`,
  },
  unused: {
    paid_twice: "This order was paid twice, and this payment is one too many. Your purchase stands.",
    places_gone: "This payment came when the places belonged to somebody else.",
    cancelled: "This payment came after you had cancelled the reservation.",
    places_lost: "You paid in time, but by a fault of ours your places went to somebody else.",
  },
  disputed: "Your bank is looking into this payment.",
  seeTickets: "See my tickets", mailed: "We also sent them to your e-mail address.", returned: "Given back",
  noOrders: "You have no orders yet.", noTickets: "You have no tickets yet.",
  ticketStatus: { valid: "Valid", used: "Used", revoked: "Refunded" }, seat: "Seat", received: "Handed on to you", usedAt: when => `Used on ${when}`,
  qrOf: what => `QR code of the ticket: ${what}`, qrHint: "Show this code at the door.", qrMissing: "The code could not be loaded.",
  transfer: "A ticket for you", transferText: "Somebody wants to hand a ticket on to you. Once you accept it is yours, and the old code is worth nothing.",
  invitation: "An invitation", invitedTo: (name, role, by) => `“${name}” invites you to their team, to ${role}. The invitation was made by ${by}.`,
  roles: { scanner: "check tickets at the door", coordinator: "look after members and their discounts", organizer: "organise events", admin: "run everything" },
  join: "Accept the invitation", decline: "Decline", joined: name => `You are on the team of ${name} now. Whatever else you do on Taquilla stays as it is.`, declined_invitation: "You declined the invitation.",
  confirm: "Confirm your address", confirmFirst: "If you made this account yourself, sign in with your password: that confirms it, and all stays as it is.",
  confirmWithout: "Sign in without a password", confirmWithoutText: "If you chose no password, or did not make it yourself, sign in with the link alone: any password that there is ends, and so do all other sessions.",
  noPassword: "Your account has no password: you can sign in with links, or choose one.", goOn: "Go on",
  accept: "Accept the ticket", accepted: "The ticket is yours.", noToken: "A part of the link is missing. Open it again from the e-mail.",
};

const words = lang === "en" ? english : spanish;

// The API's errors are in English. Those that a user can meet here are also in Spanish, by their
// stable code, from the table behind /problems.
const spanishProblems = {{problems}};

const spanishReasons = {
  not_found: "Este código no existe.", inactive: "Este código no está activo.", not_started: "Este código todavía no vale.",
  ended: "Este código venció.", not_for_tickets: "Este código no es para entradas.", not_for_product: "Este código es para otro producto.",
  not_for_products: "Este código es para entradas, no para productos.", not_for_event: "Este código es para otro evento.",
  other_currency: "Este código es para otra moneda.", not_for_area: "Este código es para otra área.",
  not_for_buyer: "Este código es personal. Entra con el correo que lo recibió.",
  email_unverified: "Este código es personal. Primero confirma tu correo con el enlace que te enviamos.", min_quantity: "Este código pide más entradas.",
  used_up: "Este código ya se agotó.", used_by_buyer: "Ya usaste este código.",
  nothing_off: "Este código no descuenta nada de estas entradas.",
};

// ---- Amounts and times

// Decimals by ISO 4217, as the server has them: browsers disagree about some currencies.
const decimals = { 0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 3: "BHD IQD JOD KWD LYD OMR TND", 4: "CLF UYW" };

// Amounts are in major units, as the API has them.
function money(amount, currency) {
  const digits = Number(Object.keys(decimals).find(n => decimals[n].includes(currency)) ?? 2);
  const fraction = Number.isInteger(amount) ? 0 : digits;
  const format = { style: "currency", currency, currencyDisplay: "code", minimumFractionDigits: fraction, maximumFractionDigits: fraction };
  return new Intl.NumberFormat(locale, format).format(amount);
}

// Rounds to four decimals, the most of any currency: sums of floats that cancel out leave tiny rests.
const dusted = amount => Math.round(amount * 1e4) / 1e4;

// An amount, or "free" instead of zero.
const cost = (amount, currency) => amount === 0 ? words.free : money(amount, currency);

function time(at, timeZone, format = { dateStyle: "full", timeStyle: "short" }) {
  try {
    return new Intl.DateTimeFormat(locale, { ...format, timeZone }).format(new Date(at));
  } catch {
    return new Intl.DateTimeFormat(locale, format).format(new Date(at));
  }
}

const short = { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit" };
