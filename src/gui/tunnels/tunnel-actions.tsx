import { Button, Checkbox, Group, Modal, Stack } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { call } from '../api/call.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { TUNNEL_QUERIES } from '../api/tunnel-queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'
import { type EndPlace, formatEndCommand, nameOf } from './tunnel-end.ts'

/** What can be done with an end of a tunnel: edit, pause or resume, delete. */
export function EndActions({
  place,
  onEdit,
  onDelete,
}: {
  place: EndPlace
  onEdit: (place: EndPlace) => void
  onDelete: (place: EndPlace) => void
}) {
  const { say } = useTexts()
  const name = nameOf(place.end)
  const isPaused = place.end.isPaused === true
  const pause = () => {
    const route = place.kind === 'inbound' ? TUNNEL_API.pauseInbound : TUNNEL_API.pauseOutbound
    const params = paramsOf(place)
    return call(route, { params, body: { isPaused: !isPaused } }, { prefix: tunnelPrefix(place.mesh) })
  }
  return (
    <Group gap={4} wrap="nowrap">
      <PlainButton label={`${say('tunnel.edit')} ${name}`} onClick={() => onEdit(place)}>
        {say('tunnel.edit')}
      </PlainButton>
      <ActionButton
        label={`${say(isPaused ? 'tunnel.resume' : 'tunnel.pause')} ${name}`}
        run={pause}
        {...(!isPaused && { question: say('tunnel.pauseAsk', { name: visibleName(name) }) })}
      >
        {say(isPaused ? 'tunnel.resume' : 'tunnel.pause')}
      </ActionButton>
      <PlainButton label={`${say('action.delete')} ${name}`} onClick={() => onDelete(place)}>
        {say('action.delete')}
      </PlainButton>
    </Group>
  )
}

function PlainButton({ label, onClick, children }: { label: string; onClick: () => void; children: string }) {
  return (
    <Button size="compact-xs" variant="default" aria-label={label} onClick={onClick}>
      {children}
    </Button>
  )
}

/** Delete an end of a tunnel, after it was asked; of one that listens here the other end, too, if that is one's own. */
export function TunnelDelete({ place, onDone }: { place: EndPlace | undefined; onDone: () => void }) {
  const { say } = useTexts()
  const name = place === undefined ? '' : visibleName(nameOf(place.end))
  return (
    <Modal
      opened={place !== undefined}
      onClose={onDone}
      title={say('tunnel.deleteAsk', { name })}
      closeButtonProps={{ 'aria-label': say('action.cancel') }}
    >
      {place !== undefined && <Deleting place={place} onDone={onDone} />}
    </Modal>
  )
}

function Deleting({ place, onDone }: { place: EndPlace; onDone: () => void }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const others = useOtherEnds(place)
  const [kept, setKept] = useState<readonly string[]>([])
  const doomed = others.filter(other => !kept.includes(other.endpoint.id))
  const remove = useMutation({
    async mutationFn() {
      const at = { prefix: tunnelPrefix(place.mesh) }
      const route = place.kind === 'inbound' ? TUNNEL_API.closeInbound : TUNNEL_API.closeOutbound
      for (const other of doomed) {
        const params = { endpoint: other.endpoint.id, protocol: place.end.protocol, name: place.end.name }
        await call(TUNNEL_API.closeOutbound, { params }, at)
      }
      await call(route, { params: paramsOf(place) }, at)
    },
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
  const commands = [...doomed, place].map(one => formatEndCommand(one, 'close'))
  return (
    <Stack>
      {others.map(({ endpoint }) => (
        <Checkbox
          key={endpoint.id}
          label={say('tunnel.deleteOther', { endpoint: visibleName(endpoint.name) })}
          checked={!kept.includes(endpoint.id)}
          onChange={event =>
            setKept(
              event.currentTarget.checked ? kept.filter(id => id !== endpoint.id) : [...kept, endpoint.id],
            )
          }
        />
      ))}
      <EqualCommand>{commands.join('\n')}</EqualCommand>
      {remove.error !== null && <Failure error={remove.error} />}
      <Group>
        <Button color="red.9" data-autofocus loading={remove.isPending} onClick={() => remove.mutate()}>
          {say('action.delete')}
        </Button>
        <Button variant="default" onClick={onDone}>
          {say('action.cancel')}
        </Button>
      </Group>
    </Stack>
  )
}

/** The other ends of an inbound that are one's own; none for an outbound, which others may use. */
function useOtherEnds(place: EndPlace): (EndPlace & { kind: 'outbound' })[] {
  const tunnels = useQuery(TUNNEL_QUERIES.tunnels(place.mesh))
  const status = useQuery(QUERIES.status())
  const user = status.data?.meshes.find(({ name }) => name === place.mesh)?.endpoint.user
  if (place.kind === 'outbound') return []
  const tunnel = tunnels.data?.tunnels.find(one => nameOf(one) === nameOf(place.end))
  if (tunnel === undefined || tunnel.owner !== user) return []
  return tunnel.outbound
    .filter(({ isOnline }) => isOnline)
    .map(({ id, name }) => ({
      mesh: place.mesh,
      kind: 'outbound',
      endpoint: { id, name, isLocal: id === place.endpoint.id && place.endpoint.isLocal },
      end: place.end as never,
    }))
}

function paramsOf({ endpoint, end }: EndPlace) {
  return { endpoint: endpoint.id, protocol: end.protocol, name: end.name }
}
