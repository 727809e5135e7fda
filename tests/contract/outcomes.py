"""Status and reason code of answers that several endpoints give."""

SHAPE = (400, "trust_context_invalid_request_shape")
BINDING = (400, "trust_context_missing_binding")
REPLAY = (409, "security_replay_detected")
APPROVED = (200, "hitl_approved")
CONFLICT = (409, "policy_version_conflict")
IMMUTABLE = (409, "hitl_terminal_state_immutable")
UNAUTHORIZED = (403, "hitl_approval_unauthorized")
STORE = (503, "adapter_store_unavailable")
GUARD = (503, "security_replay_guard_unavailable")
