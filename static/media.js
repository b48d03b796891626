// Microphone and camera: opening them, saying why they cannot be opened, and showing how loud it is.

const LOUDEST = 0.3;

export async function openDevices(kind) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "NotSupportedError");
  const video = kind === "video" && { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
  return navigator.mediaDevices.getUserMedia({ audio: true, video });
}

const TROUBLES = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing",
  OverconstrainedError: "missing", NotReadableError: "busy", AbortError: "busy" };

// What is wrong, and what helps.
export function troubleWords({ t }, error, kind) {
  const isVideo = kind === "video", words = {
    denied: isVideo ? t("denied_video") : t("denied_audio"),
    missing: isVideo ? t("missing_video") : t("missing_audio"),
    busy: t("busy"),
    unsupported: t("unsupported"),
  };
  return words[TROUBLES[error.name] ?? "unsupported"];
}

export function close(stream) {
  for (const track of stream.getTracks()) track.stop();
}

// Moves the meter with the loudness until the function that comes back is called.
export function showLevel(stream, meter) {
  const context = new AudioContext(), analyser = context.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  context.createMediaStreamSource(stream).connect(analyser);
  context.resume();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const loudness = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    meter.value = Math.min(1, loudness / LOUDEST);
  }, 100);
  return () => { clearInterval(timer); context.close(); };
}

export function showPicture(stream, video) {
  video.srcObject = stream;
  video.hidden = !stream;
  if (stream) video.play().catch(() => {});
}
