// What is written, on its way to the server: kept in this browser with every key, saved soon after, never mixed.

const SOON = 1500, AT_MOST = 10_000, KEEPALIVE_BYTES = 60_000, RETRY_AT_MOST = 8000;
const URGENT = ["conflict", "too_long", "not_kept", "kept", "saving"];

export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// One open tab. Its id, and where it was, survive a reload, but are out of the store while the tab lives: a duplicated
// tab is another page.
export class Page {
  constructor(code) {
    this.key = `page ${code}`;
    this.takeOut();
    this.id ??= newId();
    this.sequence ??= 0;
  }

  takeOut() {
    try {
      Object.assign(this, JSON.parse(sessionStorage.getItem(this.key)));
      sessionStorage.removeItem(this.key);
    } catch { /* Without a store a reload is another page. */ }
  }

  putBack() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ id: this.id, sequence: this.sequence, question: this.question }));
    } catch { /* As above. */ }
  }
}

// The browser's own store; a private window may refuse it.
class Kept {
  constructor(code) {
    this.prefix = `answer ${code} `;
    this.works = true;
  }

  trying(act) {
    try {
      return act();
    } catch {
      this.works = false;
      return null;
    }
  }

  get(number) {
    const found = this.trying(() => JSON.parse(localStorage.getItem(this.prefix + number)));
    return typeof found?.text === "string" && Number.isInteger(found.base) ? found : null;
  }

  put(number, value) {
    this.trying(() => localStorage.setItem(this.prefix + number, JSON.stringify(value)));
  }

  remove(number) {
    this.trying(() => localStorage.removeItem(this.prefix + number));
  }

  numbers() {
    const keys = this.trying(() => Object.keys(localStorage)) ?? [];
    return keys.filter((key) => key.startsWith(this.prefix)).map((key) => Number(key.slice(this.prefix.length)));
  }
}

export class Drafts {
  // `told` is called with `changed(draft)` and `taken()`; `longest` is how many characters an answer may have.
  constructor(portal, page, longest, told) {
    Object.assign(this, { portal, page, longest, told, kept: new Kept(portal.code()), all: new Map() });
  }

  // Takes the server's answers, and above them what this browser has kept and the server has not acknowledged.
  load(questions) {
    const before = this.all;
    this.all = new Map(questions.map(({ number, answer, revision, saved_at, isOver }) => [number, {
      number, text: answer, saved: answer, base: revision, savedAt: saved_at && Date.parse(saved_at), isClosed: isOver,
      acknowledged: 0, sending: 0, due: Infinity, since: 0, failures: 0, theirs: null, late: "",
    }]));
    for (const draft of this.all.values()) {
      const old = before.get(draft.number);
      const kept = this.kept.get(draft.number) ?? (this.kept.works || !old || old.text === old.saved ? null : old);
      if (kept && kept.text !== draft.text) {
        Object.assign(draft, { text: kept.text, base: kept.base, due: 0, late: kept.late ?? "" });
      } else this.kept.remove(draft.number);
      if (draft.isClosed) this.close(draft.number);
    }
  }

  get(number) {
    return this.all.get(number);
  }

  isDirty(draft) {
    return draft.text !== draft.saved && !draft.late;
  }

  isTooLong(draft) {
    return draft.text.length > this.longest;
  }

  type(number, text) {
    const draft = this.get(number), at = performance.now();
    draft.text = text;
    if (!this.isDirty(draft) && !draft.sending) return this.settled(draft);
    this.keep(draft);
    draft.since ||= at;
    // Not sooner while the connection is lost: it is tried again by itself.
    if (!draft.failures) draft.due = Math.min(at + SOON, draft.since + AT_MOST);
    return this.told.changed(draft);
  }

  keep(draft) {
    this.kept.put(draft.number, { base: draft.base, text: draft.text, late: draft.late });
  }

  settled(draft) {
    this.kept.remove(draft.number);
    Object.assign(draft, { due: Infinity, since: 0, failures: 0 });
    this.told.changed(draft);
  }

  // The question's own time is over. What is not saved by now is still sent; the server says what it is good for.
  close(number) {
    const draft = this.get(number), { theirs } = draft;
    draft.isClosed = true;
    // Nothing can be chosen any more: the other page's text is the answer, and this one is sent to be kept apart.
    if (theirs) Object.assign(draft, { theirs: null, saved: theirs.text, savedAt: theirs.savedAt, due: 0 });
    if (this.isDirty(draft) && this.isTooLong(draft)) draft.late = "over_long";
    this.told.changed(draft);
  }

  // What of an answer is safe: "", saving, saved, kept (here), not_kept, too_long, conflict, or what came too late: apart
  // where the server has kept it beside the answer, over_long where that happens at the end, else late.
  stateOf(draft) {
    if (draft.theirs) return "conflict";
    if (draft.late) return draft.late;
    if (!this.isDirty(draft)) return draft.savedAt ? "saved" : "";
    if (this.isTooLong(draft)) return "too_long";
    if (!draft.failures) return "saving";
    return this.kept.works ? "kept" : "not_kept";
  }

  // The answer that most needs to be spoken of where all of them are shown.
  get urgent() {
    const found = URGENT.map((state) => [...this.all.values()].find((draft) => this.stateOf(draft) === state));
    return found.find(Boolean);
  }

  // Whether anything is on its way. What is too long is not: it is cut in parts after the end.
  get isPending() {
    return [...this.all.values()].some((draft) => !draft.theirs && (this.isWaiting(draft) || draft.sending));
  }

  isWaiting(draft) {
    return this.isDirty(draft) && !this.isTooLong(draft);
  }

  // An answer that cannot be saved before the candidate has chosen, or has shortened it.
  get stuck() {
    return [...this.all.values()].find((draft) => this.isStuck(draft));
  }

  isStuck(draft) {
    return ["conflict", "too_long"].includes(this.stateOf(draft));
  }

  get failing() {
    return [...this.all.values()].find((draft) => draft.failures) ?? null;
  }

  // Everything at once. `last`: the page may not live on, so the answers are not waited for.
  flush({ last = false } = {}) {
    for (const draft of this.all.values()) {
      if (!this.isDirty(draft) || draft.theirs) continue;
      draft.due = 0;
      if (last) this.send(draft, true);
    }
    this.tick();
  }

  tick() {
    for (const draft of this.all.values()) {
      if (draft.due <= performance.now() && !draft.sending && !draft.theirs && this.isDirty(draft)) this.send(draft);
    }
  }

  async send(draft, last = false) {
    if (this.isTooLong(draft)) return;
    const text = draft.text, sequence = ++this.page.sequence, all = this.all;
    const body = { page: this.page.id, sequence, base_revision: draft.base, text: storable(text) };
    const options = last ? { keepalive: text.length * 3 < KEEPALIVE_BYTES, signal: null } : {};
    Object.assign(draft, { due: Infinity, since: 0, sending: draft.sending + 1 });
    try {
      const { answer, data } = await this.portal.send("PUT", `answers/${draft.number}`, body, options);
      draft.sending -= 1;
      // Of a page that was taken over meanwhile: these drafts are gone, what they held is in the store.
      if (all === this.all) this.settle(draft, sequence, text, answer, data);
    } catch {
      draft.sending -= 1;
      if (all === this.all) this.fail(draft);
    }
  }

  // The page turns: what is on its way is not waited for.
  leave() {
    this.flush({ last: true });
    this.all = new Map();
  }

  fail(draft) {
    draft.due = performance.now() + Math.min(RETRY_AT_MOST, 1000 * 2 ** draft.failures++);
    this.told.changed(draft);
  }

  settle(draft, sequence, text, answer, data) {
    if (answer.ok) return this.acknowledge(draft, sequence, text, data);
    if (data?.error === "conflict") return this.meet(draft, data);
    if (data?.error === "taken_over") return this.told.taken();
    if (data?.error === "question_closed") return this.comeLate(draft, text, data.kept);
    this.portal.wake();
    return this.fail(draft);
  }

  // The text stays to be read, here and after a reload.
  comeLate(draft, text, isKept) {
    Object.assign(draft, { isClosed: true, due: Infinity, since: 0, failures: 0 });
    if (draft.text === text) draft.late = isKept ? "apart" : "late";
    else draft.due = 0;
    this.keep(draft);
    return this.told.changed(draft);
  }

  acknowledge(draft, sequence, text, data) {
    if (sequence > draft.acknowledged) {
      Object.assign(draft, { acknowledged: sequence, base: data.revision, saved: text, savedAt: Date.parse(data.saved_at), failures: 0 });
    }
    if (!this.isDirty(draft)) return this.settled(draft);
    this.keep(draft);
    draft.due = Math.min(draft.due, performance.now() + SOON);
    return this.told.changed(draft);
  }

  // Another page has changed the answer. What only goes on where that one stopped needs no choice.
  meet(draft, data) {
    if (draft.text.startsWith(data.text)) {
      Object.assign(draft, { base: data.revision, due: 0 });
      return this.keep(draft);
    }
    // With no time left to choose it is sent until the server, too, takes the question for closed.
    if (draft.isClosed) {
      const due = performance.now() + SOON;
      Object.assign(draft, { saved: data.text, savedAt: Date.parse(data.saved_at), failures: 0, due });
      return this.told.changed(draft);
    }
    draft.failures = 0;
    draft.theirs = { text: data.text, base: data.revision, savedAt: Date.parse(data.saved_at) };
    return this.told.changed(draft);
  }

  // The candidate's choice: "mine", "theirs" or "both".
  resolve(number, choice) {
    const draft = this.get(number), { text, base, savedAt } = draft.theirs;
    const chosen = { mine: draft.text, theirs: text, both: `${text}\n\n${draft.text}` }[choice];
    Object.assign(draft, { theirs: null, text: chosen, saved: text, base, savedAt, due: 0, failures: 0 });
    if (!this.isDirty(draft)) return this.settled(draft);
    this.keep(draft);
    this.told.changed(draft);
    return this.tick();
  }
}

// Half of a pair, which no server can store, becomes the sign for what is unreadable.
const storable = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");

// After the end: what is still kept here goes to the server, which puts it apart from the answers. What it does not take stays.
// Gives how many texts there were, and how many are left.
export async function sendLate(portal) {
  const { main } = portal, kept = new Kept(portal.code()), page = new Page(portal.code()), numbers = kept.numbers();
  try {
    for (const number of numbers) {
      const { text = "", late = "" } = kept.get(number) ?? {};
      const state = late === "apart" || !text.trim() ? "saved" : await sendText(portal, page, number, storable(text));
      if (state) kept.remove(number);
      if (state === "apart") main.querySelector("[data-late]").hidden = false;
    }
  } finally {
    // Whoever tries again is still the page that wrote it.
    if (kept.numbers().length) page.putBack();
  }
  return { tried: numbers.length, left: kept.numbers().length };
}

// "saved" as the answer, "apart", or "" for what was refused. What is too long for one answer goes in parts; each as a
// page of its own, the same one when it is tried again, so that none becomes the answer or takes another's place.
async function sendText(portal, page, number, text) {
  const parts = cut(text, Number(portal.main.dataset.longest));
  if (parts.length === 1) return sendPart(portal, page, number, text);
  for (const [place, part] of parts.entries()) {
    if (!await sendPart(portal, { id: `${page.id}-${place}`, sequence: 0 }, number, part)) return "";
  }
  return "apart";
}

async function sendPart(portal, page, number, text) {
  const body = { page: page.id, sequence: ++page.sequence, base_revision: 0, text };
  const { answer, data } = await portal.send("PUT", `answers/${number}`, body);
  return answer.ok ? "saved" : data?.kept ? "apart" : "";
}

// In as few parts as there must be, without cutting a character.
function cut(text, longest) {
  const signs = [...text], count = Math.ceil(signs.length / longest), size = Math.ceil(signs.length / count);
  return Array.from({ length: count }, (_, place) => signs.slice(place * size, (place + 1) * size).join(""));
}
