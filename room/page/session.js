// Signing in: authorization code with PKCE at the stack's own pool. Tokens live in this module's memory and nowhere
// else, so neither another tab nor what is left on the disk has them; loading the page again is signing in again.

import { now } from "./time.js";

const PENDING = "handshake-sign-in";

// A session goes on while somebody uses the page, and ends with its token after they have left it.
const IDLE_MS = 15 * 60_000;
const RENEW_MS = 60_000;

let pool = null;
let session = null;
let renewing = null;
let usedAt = Date.now();

for (const name of ["keydown", "pointerdown"]) {
  addEventListener(name, () => {
    usedAt = Date.now();
  }, { capture: true, passive: true });
}

/** Say whether somebody has signed in. */
export const isSignedIn = () => session !== null;

/** Give the ID token, renewed where it is about to end and somebody is here; "" before signing in. */
export async function idToken() {
  if (session?.refresh && session.until - now() < RENEW_MS && Date.now() - usedAt < IDLE_MS) {
    renewing ??= redeem({ grant_type: "refresh_token", refresh_token: session.refresh }).finally(() => {
      renewing = null;
    });
    await renewing;
  }
  return session?.token ?? "";
}

/** Say until when the session lasts and since when, epoch ms; null before signing in. */
export const sessionTimes = () => session && { since: session.since, until: session.until };

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const redirectUri = () => `${location.origin}/`;

/**
 * Read where the pool is, and finish signing in if that has just sent the person back. Returns what went wrong in
 * words, or "".
 */
export async function openSession() {
  const answer = await fetch("/signin.json", { cache: "no-store", credentials: "omit" });
  if (!answer.ok) return "This stack has no sign-in page. Tell your operators: `ops room publish` writes it.";
  pool = await answer.json();
  const back = new URLSearchParams(location.search);
  if (!back.has("code") && !back.has("error")) return "";
  const pending = takePending();
  // Neither the code nor what the pool said is to stay in the address bar, or in the history behind it.
  history.replaceState(null, "", `/${pending?.hash ?? ""}`);
  if (!pending || back.get("state") !== pending.state) return "This sign-in was not begun on this page, or was used already. Sign in again.";
  if (back.has("error")) return "The sign-in page sent you back without signing you in. Try again, or ask your operators.";
  const redeemed = await redeem({ grant_type: "authorization_code", code: back.get("code"), redirect_uri: redirectUri(), code_verifier: pending.verifier });
  return redeemed ? "" : "The sign-in could not be finished. Sign in again; if that does not help, ask your operators.";
}

function takePending() {
  const kept = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  return kept === null ? null : JSON.parse(kept);
}

// Say whether the pool gave a token for what is shown to it. One that it does not give leaves what is there: the API says
// when that is over.
async function redeem(shown) {
  let given;
  try {
    const body = new URLSearchParams({ client_id: pool.clientId, ...shown });
    const answer = await fetch(pool.token, { method: "POST", body, credentials: "omit", redirect: "error" });
    given = await answer.json();
  } catch {
    return false;
  }
  if (typeof given?.id_token !== "string") return false;
  const claims = claimsOf(given.id_token);
  session = {
    token: given.id_token,
    refresh: given.refresh_token ?? session?.refresh,
    since: Number(claims.auth_time) * 1000,
    until: Number(claims.exp) * 1000,
  };
  return true;
}

// Read for what is shown only. Whether a token is good is the API's to say.
function claimsOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}

/** Leave for the pool's sign-in page; what is shown now is shown again afterwards. */
export async function signIn() {
  const [verifier, state] = [random(), random()];
  const challenge = base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, hash: location.hash }));
  location.assign(
    withQuery(pool.authorize, {
      response_type: "code",
      client_id: pool.clientId,
      redirect_uri: redirectUri(),
      scope: "openid",
      state,
      code_challenge: challenge,
      code_challenge_method: "S256",
    }),
  );
}

/** Forget the tokens, and have the pool end its own session too: else the next sign-in would ask for no password. */
export function signOut() {
  session = null;
  location.assign(withQuery(pool.logout, { client_id: pool.clientId, logout_uri: redirectUri() }));
}

const withQuery = (url, members) => `${url}?${new URLSearchParams(members)}`;
