import { AGENT_API } from '../../core/api/agent-api.ts'
import type { TransferInfo } from '../../core/api/transfers-api.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { type ListView, report, showList } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes } from '../output/words.ts'

/** `ztm file transfers [--stop ID]`: what browsers save from this agent, and give it. */
export async function listTransfers(cli: Cli, { stop }: { stop?: string }): Promise<void> {
  if (stop === undefined) {
    const { transfers } = await callAgent(cli, AGENT_API.listTransfers, {})
    await showList(cli, transfers, TRANSFER_VIEW)
    return
  }
  const stopped = await callAgent(cli, AGENT_API.stopTransfer, { params: { transfer: stop } })
  await report(cli, `The transfer of ${visible(stopped.name)} is ${stopped.state}`, {
    name: stop,
    data: stopped,
  })
}

const TRANSFER_VIEW: ListView<TransferInfo> = {
  nameOf: transfer => transfer.id,
  columns: [
    { title: 'TRANSFER', cell: transfer => transfer.id },
    { title: 'WAY', cell: ({ direction }) => (direction === 'in' ? 'from browser' : 'to browser') },
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'PLACE', cell: ({ place }) => place },
    { title: 'STATE', cell: ({ state }) => state },
    { title: 'DONE', cell: one => `${bytes(one.doneBytes)} of ${bytes(one.totalBytes)}` },
    { title: 'ERROR', cell: ({ error }) => error?.message },
  ],
}
