@0xb2a3f4c5d6e7f8a9;
# What programs tell each other about tools, resources and prompts. Names, types and ordinals are those of the public
# schema of ZAP, so that either side may be built from either file. Interfaces are left out: calls go as
# zap-call.capnp says, and the structs at the end stand for what the methods take and give.

struct Timestamp {
  seconds @0 :Int64;  # since 1970
  nanos @1 :UInt32;
}

struct Metadata {
  # Anything more, as pairs of texts.
  entries @0 :List(Entry);

  struct Entry {
    key @0 :Text;
    value @1 :Text;
  }
}

struct Tool {
  # Something that can be called.
  name @0 :Text;
  description @1 :Text;
  schema @2 :Data;  # what its arguments look like, a JSON Schema
  annotations @3 :Metadata;
}

struct ToolList {
  tools @0 :List(Tool);
}

struct ToolCall {
  id @0 :Text;  # the caller's, to be found again in the result
  name @1 :Text;
  args @2 :Data;  # JSON
  metadata @3 :Metadata;
}

struct ToolResult {
  id @0 :Text;
  content @1 :Data;
  error @2 :Text;  # empty: it went well
  metadata @3 :Metadata;
}

struct Resource {
  # Something that can be read.
  uri @0 :Text;
  name @1 :Text;
  description @2 :Text;
  mimeType @3 :Text;
  annotations @4 :Metadata;
}

struct ResourceList {
  resources @0 :List(Resource);
}

struct ResourceContent {
  uri @0 :Text;
  mimeType @1 :Text;
  content :union {
    text @2 :Text;
    blob @3 :Data;
  }
}

struct Prompt {
  # A text with gaps that the caller fills.
  name @0 :Text;
  description @1 :Text;
  arguments @2 :List(Argument);

  struct Argument {
    name @0 :Text;
    description @1 :Text;
    required @2 :Bool;
  }
}

struct PromptList {
  prompts @0 :List(Prompt);
}

struct PromptMessage {
  role @0 :Role;
  content @1 :Content;

  enum Role {
    user @0;
    assistant @1;
    system @2;
  }

  struct Content {
    union {
      text @0 :Text;
      image @1 :ImageContent;
      resource @2 :ResourceContent;
    }
  }

  struct ImageContent {
    data @0 :Data;
    mimeType @1 :Text;
  }
}

struct ServerInfo {
  name @0 :Text;
  version @1 :Text;
  capabilities @2 :Capabilities;

  struct Capabilities {
    tools @0 :Bool;
    resources @1 :Bool;
    prompts @2 :Bool;
    logging @3 :Bool;
  }
}

struct ClientInfo {
  name @0 :Text;
  version @1 :Text;
}

# Laid out as the parameters and results of the methods that have no struct of their own.

struct ResourceName {
  # Of readResource and subscribe.
  uri @0 :Text;
}

struct PromptCall {
  # Of getPrompt, which gives a PromptMessageList.
  name @0 :Text;
  args @1 :Metadata;
}

struct PromptMessageList {
  messages @0 :List(PromptMessage);
}

struct LogLine {
  # Of log.
  level @0 :Level;
  message @1 :Text;
  data @2 :Data;

  enum Level {
    debug @0;
    info @1;
    warn @2;
    error @3;
  }
}
