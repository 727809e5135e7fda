// Signing in: authorization code with PKCE at the stack's own pool. Tokens live in this module's memory and nowhere
// else, so neither another tab nor what is left on the disk has them; loading the page again is signing in again.

const PENDING = "handshake-sign-in";

let pool = null;
let session = null;

/** Give the ID token; "" before signing in. */
export const idToken = () => session?.token ?? "";

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
  return redeem(back.get("code"), pending.verifier);
}

function takePending() {
  const kept = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  return kept === null ? null : JSON.parse(kept);
}

async function redeem(code, verifier) {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: pool.clientId,
    code,
    redirect_uri: redirectUri(),
    code_verifier: verifier,
  });
  let token;
  try {
    const answer = await fetch(pool.token, { method: "POST", body, credentials: "omit", redirect: "error" });
    token = (await answer.json()).id_token;
  } catch {
    token = undefined;
  }
  if (typeof token !== "string") return "The sign-in could not be finished. Sign in again; if that does not help, ask your operators.";
  const claims = claimsOf(token);
  session = { token, since: Number(claims.auth_time) * 1000, until: Number(claims.exp) * 1000 };
  return "";
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

/** Forget a session that has ended. */
export function forgetSession() {
  session = null;
}

const withQuery = (url, members) => `${url}?${new URLSearchParams(members)}`;
