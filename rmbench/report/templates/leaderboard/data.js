// The numbers of the page, and how they are written.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const lazily = (make) => { let found; return () => (found === undefined ? (found = make()) : found); };
const core = read("core");
const evidence = lazily(() => read("evidence"));
const examples = lazily(() => read("examples"));
const STEPS = 60000, MISSING = 65535;

const cells = new Map();
for (const [model, suite, value, low, high, rank, rankLow, rankHigh, best, facts] of core.cells) {
  cells.set(model * core.suites.length + suite, { value, low, high, rank, rankLow, rankHigh, best, ...facts });
}
const cell = (model, suite) => cells.get(model * core.suites.length + suite);
const means = new Map(core.mean.of.map(([model, value, low, high, rank, rankLow, rankHigh, best]) =>
  [model, { value, low, high, rank, rankLow, rankHigh, best }]));

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out.buffer;
}
// The page's integers are little-endian, as every machine with a browser is.
const fractions = (text) => Array.from(new Uint16Array(bytes(text)), (v) => (v === MISSING ? null : v / STEPS));

const MINUS = "\u2212", DASH = "\u2013";
function fraction(value, signed) {
  const digits = Math.abs(value).toFixed(3).replace(/^0/, "");
  const zero = !/[1-9]/.test(digits);
  return (zero ? "" : value < 0 ? MINUS : signed ? "+" : "") + digits;
}
function number(value, signed) {
  const size = Math.abs(value);
  const decimals = size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
  const digits = size.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return (value < 0 ? MINUS : signed && value > 0 ? "+" : "") + digits;
}
const shown = (suite, value, signed) =>
  value === null || value === undefined ? DASH : suite === null || core.suites[suite].fraction ? fraction(value, signed) : number(value, signed);
const interval = (suite, low, high, signed) =>
  low === null || low === undefined ? "" : `[${shown(suite, low, signed)}, ${shown(suite, high, signed)}]`;
const rankText = (c) => !c || c.rank === null ? "" : c.rankLow === c.rankHigh ? `${c.rank}` : `${c.rank} [${c.rankLow}${DASH}${c.rankHigh}]`;
function dataSize(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value >= 1 ? Math.min(Math.floor(Math.log(value) / Math.log(1024)), 4) : 0;
  return `${(value / 1024 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}
function age(at) {
  const days = Math.floor((Date.now() - Date.parse(at)) / 864e5);
  if (!(days >= 0)) return "";
  return days < 1 ? "today" : days < 60 ? `${days} day${days > 1 ? "s" : ""} ago` : days < 730 ? `${Math.round(days / 30.4)} months ago` : `${Math.round(days / 365)} years ago`;
}

// The difference of two models on a suite, from their covariance on the items they share.
const pairsOf = (() => {
  const known = new Map();
  return (suite) => {
    if (!known.has(suite)) {
      const p = evidence()[suite].pairs;
      known.set(suite, p && {
        ...p,
        place: new Map(p.models.map((m, i) => [m, i])),
        se: new Float32Array(bytes(p.se)),
        corr: new Int16Array(bytes(p.corr)),
        better: p.width === 2 ? new Uint16Array(bytes(p.better)) : new Uint32Array(bytes(p.better)),
      });
    }
    return known.get(suite);
  };
})();
function difference(suite, a, b) {
  const p = pairsOf(suite);
  if (!p || !p.place.has(a) || !p.place.has(b)) return null;
  const i = p.place.get(a), j = p.place.get(b), m = p.models.length;
  const [x, y] = i < j ? [i, j] : [j, i];
  const rho = i === j ? 1 : p.corr[x * m - (x * (x + 1)) / 2 + (y - x - 1)] / 32767;
  const d = p.values[i] - p.values[j];
  const variance = p.se[i] ** 2 + p.se[j] ** 2 - 2 * rho * p.se[i] * p.se[j];
  const error = Math.sqrt(Math.max(0, variance) + d ** 2 / p.clusters);
  const wins = p.better[i * m + j], losses = p.better[j * m + i];
  const same = wins === 0 && losses === 0;
  const half = same ? 0 : 1.959964 * error;
  const gain = p.higher ? d : -d;
  return { d, low: d - half, high: d + half, wins, losses, same, verdict: Math.abs(d) > half ? Math.sign(gain) : 0 };
}
