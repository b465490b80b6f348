import type { Socket } from 'node:net'
import { type Bridge, createBridge } from '../core/app/bridge.ts'
import type { BridgeMessage } from '../core/app/bridge-message.ts'
import { createAppFrameDecoder, encodeAppData, encodeAppMessage } from '../core/codec/app-frame.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Json } from '../core/model/store.ts'

/** What the agent asks of this process. */
export interface ChannelEvents {
  readonly onCall: (op: string, args: Json) => Promise<Json>
  readonly onTell: (op: string, args: Json) => void
}

/**
 * Speak with the agent over a socket. When it ends, the agent is gone, and so is this process: nothing that was granted is
 * granted by anybody any more.
 */
export function openChannel(socket: Socket, events: ChannelEvents): Bridge {
  const decoder = createAppFrameDecoder()
  const bridge = createBridge({
    side: 'app',
    sendMessage: message => socket.write(encodeAppMessage(JSON.stringify(message))),
    sendData: (stream, bytes) => socket.write(encodeAppData(stream, bytes)),
    onCall: events.onCall,
    onTell: events.onTell,
    // The whole of what was thrown stays here, in the log; the other side sees a sentence.
    describe: thrown => {
      const { code, message } = toMeshError(thrown)
      return { code: code === 'bug' ? 'call-failed' : code, message: message.slice(0, 1_024) }
    },
  })
  const { reallyExit } = process as unknown as { reallyExit: (code: number) => never }
  const exit = reallyExit.bind(process)
  socket.on('data', chunk => {
    for (const frame of decoder.push(chunk)) {
      if (frame.kind === 'data') bridge.receiveData(frame.stream, frame.bytes)
      else bridge.receive(JSON.parse(frame.text) as BridgeMessage)
    }
  })
  socket.on('close', () => exit(AGENT_GONE))
  socket.on('error', () => exit(AGENT_GONE))
  return bridge
}

/** Exit code of a process whose agent is gone. */
const AGENT_GONE = 70
