// The closing page: sends what this browser still keeps of the interview, and only then says how much was answered.

const AGAIN = 5000;
const keepOpen = (event) => {
  event.preventDefault();
  event.returnValue = true;
};

export async function close(portal) {
  const { main, t, write } = portal, find = (name) => main.querySelector(`[data-${name}]`);
  const sending = find("loading"), kept = find("kept");
  const isHere = () => portal.main === main;

  function progress(takes) {
    const sum = (of) => takes.reduce((all, take) => all + of(take), 0);
    const done = sum((take) => take.sent), all = sum((take) => take.blob.size);
    const sizes = { done: shelf.sizeWords(portal, done), all: shelf.sizeWords(portal, all) };
    write(sending, takes.some(({ isSlow }) => isSlow) ? t("rest_slow", sizes) : t("rest_recordings", sizes));
  }

  let shelf = null, wasSent = false;
  const cut = new Map();

  // Gives how many texts and recordings the server does not take.
  async function sendAll() {
    const drafts = await portal.part("drafts");
    shelf = await portal.part("shelf");
    const { tried, left } = await drafts.sendLate(portal);
    wasSent ||= tried > left;
    return left + await sendRest();
  }

  async function sendRest() {
    const opened = new shelf.Shelf(portal.code());
    try {
      await sendShelf(opened);
      const left = (await opened.all()).length;
      if (!left) await opened.destroy();
      return left;
    } finally {
      await opened.close();
    }
  }

  // Another page of this browser may still record. It hears of the end, and its take is then sent like all others.
  async function sendShelf(opened) {
    const takes = await opened.all(), held = await Promise.all(takes.map(({ take }) => shelf.isHeld(take)));
    if (takes.length) addEventListener("beforeunload", keepOpen);
    const busy = takes.filter((_, place) => held[place]), numbers = new Set(takes.map(({ number }) => number));
    for (const { number } of busy) numbers.delete(number);
    for (const number of numbers) await sendAnswer(opened, takes.filter((take) => take.number === number));
    if (!busy.length) return undefined;
    opened.ask();
    for (const { take } of busy) await shelf.untilFree(take);
    return sendShelf(opened);
  }

  // Of one question's takes, oldest first: the one that is the answer, or the next best if the server does not take it.
  // What it takes the place of goes; what is refused stays.
  async function sendAnswer(opened, takes) {
    const drop = (dropped) => Promise.all(dropped.map(({ take }) => opened.remove(take)));
    const { before } = takes[0];
    let left = takes;
    while (left.length) {
      const good = left.filter(({ blob }) => blob.size), answer = shelf.answerOf(good, before);
      const refusal = good.includes(answer) ? await sendWhole(answer) : "";
      if (!refusal) tellCut(left, answer);
      if (!refusal || refusal === "replaced") return drop(left);
      left = left.filter((take) => take !== answer);
    }
    return undefined;
  }

  // What became of the newest, if it was cut off and the interview's page had no time to say so.
  function tellCut(takes, answer) {
    const newest = takes.at(-1), before = newest === answer ? newest.before : answer;
    if (before && !newest.isByHand && !newest.isTold) cut.set(newest.number, shelf.cutWords(portal, newest, before));
  }

  async function sendWhole(take) {
    take.isEnded = true;
    let refusal = await shelf.locate(portal, take);
    while (!refusal && !take.isSent) {
      progress([take]);
      refusal = await shelf.send(portal, take);
      wasSent ||= take.isSent;
    }
    return refusal;
  }

  // As the server has it now.
  async function count() {
    const { answer } = await portal.ask("/interview");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const counted = page.querySelector("[data-counts]");
    if (counted) find("counts")?.replaceWith(document.adoptNode(counted));
    wasSent = false;
  }

  async function pause() {
    const waiting = new AbortController();
    await new Promise((resolve) => {
      setTimeout(resolve, AGAIN);
      addEventListener("online", resolve, { signal: waiting.signal });
    });
    waiting.abort();
  }

  function show(left) {
    const told = [...cut].map(([n, state]) => t("position_state", { n, state }));
    removeEventListener("beforeunload", keepOpen);
    write(kept, [...told, left ? t("rest_refused") : ""].filter(Boolean).join("\n"));
    kept.hidden = !kept.textContent;
    sending.hidden = true;
    for (const part of main.querySelectorAll("[data-afterwards]")) part.hidden = false;
    portal.say(main.querySelector("[data-counts]")?.textContent ?? "");
  }

  while (isHere()) {
    try {
      const left = await sendAll();
      if (wasSent) await count();
      return show(left);
    } catch {
      write(sending, t("rest_waits"));
      await pause();
    }
  }
  return undefined;
}
