// The waiting room's look at the device: how quickly the server answers, and whether microphone and camera work.

const LOOKS = 3, SLOW = 400;

export function check(portal) {
  const { main, t, write, part } = portal;
  const card = main.querySelector("[data-checks]"), connection = card.querySelector("[data-connection]");
  const devices = card.querySelector("[data-devices]");
  let stop = () => {};

  async function roundTrip() {
    const sent = performance.now();
    await portal.ask("/api/interview/state");
    return performance.now() - sent;
  }

  // The middle one of three, since the first also opens the connection.
  async function checkConnection() {
    try {
      const taken = [];
      while (taken.length < LOOKS) taken.push(await roundTrip());
      const n = Math.round(taken.sort((one, other) => one - other)[LOOKS >> 1]);
      write(connection, n < SLOW ? t("connection_good", { n }) : t("connection_slow", { n }));
    } catch {
      write(connection, t("connection_none"));
    }
  }

  async function checkDevices(button) {
    const found = devices.querySelector("[data-found]"), kind = devices.dataset.devices;
    button.disabled = true;
    found.hidden = false;
    found.className = "";
    write(found, t("asking"));
    stop();
    try {
      const media = await part("media");
      await listen(media, kind, found);
    } catch (error) {
      await fail(found, error, kind);
    } finally {
      button.disabled = false;
      write(button, t("again"));
      portal.say(found.textContent);
    }
  }

  async function listen(media, kind, found) {
    const stream = await media.openDevices(kind);
    const hearing = devices.querySelector("[data-hearing]"), preview = devices.querySelector("[data-preview]");
    if (!main.isConnected) return media.close(stream);
    const silence = media.showLevel(stream, hearing.querySelector("meter"));
    hearing.hidden = false;
    if (preview) media.showPicture(stream, preview);
    write(found, kind === "video" ? t("works_video") : t("works_audio"));
    found.className = "good";
    stop = () => {
      silence();
      media.close(stream);
      hearing.hidden = true;
      if (preview) media.showPicture(null, preview);
      stop = () => {};
    };
  }

  async function fail(found, error, kind) {
    const isDevice = error instanceof DOMException;
    write(found, isDevice ? (await part("media")).troubleWords(portal, error, kind) : t("offline"));
    found.className = "hint";
  }

  card.hidden = false;
  checkConnection();
  addEventListener("online", checkConnection);
  addEventListener("offline", checkConnection);
  devices?.querySelector("[data-check-devices]").addEventListener("click", (event) => checkDevices(event.currentTarget));
  return () => {
    stop();
    removeEventListener("online", checkConnection);
    removeEventListener("offline", checkConnection);
  };
}
