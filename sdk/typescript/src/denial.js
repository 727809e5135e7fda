/** What a decision other than to allow means: to a person in one sentence, and to a model in another. */
import { HandshakeError } from "./errors.js";

/** @typedef {import("./schema.d.ts").components["schemas"]["Decided"]} Decided */

/** A model is told what to do next, for it does what is left open. @type {Record<string, [string, string]>} */
const BY_STATE = {
  denied_terminal: [
    "The policy denies this (REASON); nothing was done.",
    "Denied (REASON). Do not do this, in this or any other way, and do not submit it again, in parts or under another name. Say that it was denied, and go on with what does not need it.",
  ],
  escalated_rejected_terminal: [
    "A person has said no (REASON); nothing was done.",
    "Rejected by a person (REASON). Do not do this, in this or any other way, and do not ask again unless you are told to. Say that it was rejected.",
  ],
  escalated_expired_terminal: [
    "Nobody decided in time (REASON); nothing was done, and it can be asked for anew.",
    "Nobody decided in time (REASON), which means no. Do not do this. Say so; ask anew only if it is still wanted.",
  ],
  escalated_pending: [
    "A person has yet to decide (REASON); nothing was done so far.",
    "Not decided yet (REASON). Do not do this, nor submit it as another request. Wait for the decision on this one, or say that it waits for a person.",
  ],
};
/** @type {[string, string]} */
const OTHER = [
  "This is not allowed (REASON); nothing was done.",
  "Not allowed (REASON). Do not do this, in this or any other way. Say that it was not allowed.",
];

/** What was to be executed is not allowed, or not yet: nothing was done. `decided` says how it stands. */
export class NotAllowedError extends HandshakeError {
  /** @param {Decided} decided */
  constructor(decided) {
    const [forPeople, forModels] = (BY_STATE[decided.state] ?? OTHER).map((text) => text.replace("REASON", decided.reasonCode));
    super(decided.reasonCode, String(forPeople), { body: decided });
    this.name = "NotAllowedError";
    this.decided = decided;
    /** A sentence for whoever asked for it. */
    this.forPeople = String(forPeople);
    /** A sentence for the agent's model, in place of the result of its tool. */
    this.forModels = String(forModels);
  }
}
