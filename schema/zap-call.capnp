@0xd6a1c3f0b8e24975;
# Calls over ZAP frames. One frame (4 bytes length, big-endian, then so many bytes) holds one Envelope, in Cap'n
# Proto's standard stream framing, not packed. docs/protocol.md, "ZAP", tells who sends which and when.

struct Envelope {
  # Ordinals are for ever: new fields go to the end, and readers pass over what they do not know.

  id @0 :UInt32;
  # Which call, for all that belongs to it both ways. Chosen by the caller, and free again when the call has ended.

  union {
    call :group {
      # Caller: do this.
      method @1 :Text;
      params @2 :Data;
      # Bytes of the method's own: another Cap'n Proto message, JSON, anything.
      deadlineMs @3 :UInt32;
      # The caller gives up after so many milliseconds; 0 is never.
      window @4 :UInt32;
      # 0 asks for one result. Else for a stream: items that cost so much may be sent before `more` is.
    }
    result :group {
      # Callee: the one answer. The call has ended.
      value @5 :Data;
    }
    error :group {
      # Callee: there will be no answer, or no more items. The call has ended.
      code @6 :Text;
      # A code of docs/errors.md, or one of the callee's own.
      message @7 :Text;
    }
    item :group {
      # Callee: one more of a stream. It costs its bytes plus 64.
      value @8 :Data;
    }
    end @9 :Void;
    # Callee: the stream is complete. The call has ended.
    cancel @10 :Void;
    # Caller: never mind. The call has ended for the caller; what still comes of it is passed over.
    more @11 :UInt32;
    # Caller: items that cost so much more may be sent.
  }
}
