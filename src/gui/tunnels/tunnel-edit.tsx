import { Modal, MultiSelect, TagsInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type InboundInfo, TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { formatAddress } from '../../core/model/address.ts'
import { call } from '../api/call.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { Missing } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'
import { OutboundForm } from './outbound-form.tsx'
import { Editing, useChange } from './tunnel-editing.tsx'
import { type EndPlace, formatEndCommand, nameOf } from './tunnel-end.ts'
import { readListens } from './tunnel-words.ts'

/** Change an end of a tunnel, in a dialog; what it carries goes on where it can. */
export function TunnelEdit({ place, onDone }: { place: EndPlace | undefined; onDone: () => void }) {
  const { say } = useTexts()
  return (
    <Modal
      opened={place !== undefined}
      onClose={onDone}
      title={say('tunnel.editTitle', { name: place === undefined ? '' : visibleName(nameOf(place.end)) })}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': say('action.cancel') }}
    >
      {place?.kind === 'inbound' && <InboundForm place={place} end={place.end} onDone={onDone} />}
      {place?.kind === 'outbound' && <OutboundForm place={place} end={place.end} onDone={onDone} />}
    </Modal>
  )
}

function InboundForm({ place, end, onDone }: { place: EndPlace; end: InboundInfo; onDone: () => void }) {
  const { say } = useTexts()
  const [listens, setListens] = useState(end.listens.map(({ ip, port }) => formatAddress({ host: ip, port })))
  const [exits, setExits] = useState<string[]>([...end.exits])
  const { choices, asked } = useEndpointChoice(place.mesh, end.exits)
  const change = useChange(onDone, () => {
    const body = { listens: readListens(listens), exits }
    return call(
      TUNNEL_API.openInbound,
      { params: paramsOf(place), body },
      { prefix: tunnelPrefix(place.mesh) },
    )
  })
  const words = ['--listen', ...listens, ...(exits.length > 0 ? ['--exits', ...exits] : [])]
  return (
    <Editing change={change} command={formatEndCommand(place, 'open', ...words)}>
      <TagsInput
        label={say('tunnel.listens')}
        description={say('tunnel.listensHelp')}
        value={listens}
        onChange={setListens}
        acceptValueOnBlur
      />
      <Missing query={asked} />
      <MultiSelect
        label={say('tunnel.exits')}
        description={say('tunnel.exitsHelp')}
        data={choices}
        value={exits}
        onChange={setExits}
        searchable
      />
    </Editing>
  )
}

/** All endpoints by name, and those that were chosen and are not known any more. */
function useEndpointChoice(mesh: string, chosen: readonly string[]) {
  const asked = useQuery(QUERIES.endpoints(mesh))
  const known =
    asked.data?.endpoints.map(({ id, name }) => ({ value: id as string, label: name as string })) ?? []
  const gone = chosen.filter(id => !known.some(({ value }) => value === id))
  return { asked, choices: [...known, ...gone.map(id => ({ value: id, label: id }))] }
}

function paramsOf({ endpoint, end }: EndPlace) {
  return { endpoint: endpoint.id, protocol: end.protocol, name: end.name }
}
