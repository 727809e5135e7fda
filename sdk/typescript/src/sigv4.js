/** AWS Signature Version 4, for callers who reach the API directly. */
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

/**
 * Adds what a call's authorization needs to its headers.
 * @typedef {(call: {method: string, url: URL, headers: Record<string, string>, body: Uint8Array | undefined})
 *   => Promise<Record<string, string>>} Authorize
 */

/**
 * Sign method, path, query, host, body, content type and every x- header for `execute-api` in `region`.
 *
 * So whoever sees a signed call can replay it, but not put another envelope, trust token or idempotency key into it.
 * `credentials` are AWS credentials, or a provider of them, as the AWS SDK has them.
 * @param {string} region
 * @param {import("@smithy/types").AwsCredentialIdentity | import("@smithy/types").AwsCredentialIdentityProvider} credentials
 * @returns {Authorize}
 */
export function sigV4(region, credentials) {
  const signer = new SignatureV4({ service: "execute-api", region, credentials, sha256: Sha256 });
  return async ({ method, url, headers, body }) => {
    const covered = Object.entries(headers).filter(([name]) => name === "content-type" || name.startsWith("x-"));
    const signed = await signer.sign({
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { ...Object.fromEntries(covered), host: url.host },
      body,
    });
    const { host: _, ...added } = signed.headers;
    return { ...headers, ...added };
  };
}

/**
 * Show the signing edge of a deployed stack its token: the line `authorization: Bearer ...` that the edge keeps in a file.
 * @param {string} line
 * @returns {Authorize}
 */
export function edgeToken(line) {
  const [, token] = /^authorization:\s*(Bearer \S.*)$/i.exec(line.trim()) ?? [];
  if (!token) throw new TypeError("this is no line `authorization: Bearer ...`");
  return async ({ headers }) => ({ ...headers, authorization: token });
}
