// The closing page: sends what this browser still keeps of the interview, and only then says how much was answered.

const AGAIN = 5000;

export async function close(portal) {
  const { main, t, write } = portal, find = (name) => main.querySelector(`[data-${name}]`);
  const sending = find("loading"), kept = find("kept");
  const isHere = () => portal.main === main;

  function progress(takes) {
    const sum = (of) => takes.reduce((all, take) => all + of(take), 0);
    const done = sum((take) => take.sent), all = sum((take) => take.blob.size);
    write(sending, t("rest_recordings", { done: shelf.sizeWords(portal, done), all: shelf.sizeWords(portal, all) }));
  }

  let shelf = null, wasSent = false, isCut = false;

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
      const takes = await opened.all(), numbers = new Set(takes.map(({ number }) => number));
      for (const number of numbers) await sendNewest(opened, takes.filter((take) => take.number === number));
      const left = (await opened.all()).length;
      if (!left) await opened.destroy();
      return left;
    } finally {
      await opened.close();
    }
  }

  // Of one question's takes, oldest first: the newest that the server takes is the answer, and the older ones go.
  async function sendNewest(opened, takes) {
    while (takes.length) {
      const take = takes.pop(), isDropped = !take.blob.size || (take.isCut && take.isAgain);
      const refusal = isDropped ? "" : await sendWhole(take);
      isCut ||= isDropped && take.isAgain;
      if (take.isSent) for (const old of takes.splice(0)) await opened.remove(old.take);
      if (!refusal || refusal === "replaced") await opened.remove(take.take);
    }
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
    write(kept, [isCut ? t("cut_short") : "", left ? t("rest_refused") : ""].filter(Boolean).join("\n"));
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
