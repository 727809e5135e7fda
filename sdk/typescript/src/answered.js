/**
 * Give the data of an answer of openapi-fetch, whose errors the transport has raised.
 * @template T
 * @param {{data?: T}} answer
 * @returns {T}
 */
export function answered({ data }) {
  return /** @type {T} */ (data);
}
