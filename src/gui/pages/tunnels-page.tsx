import { Button, Group, Modal, Select, Stack, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { Loaded, Unanswered } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { HttpServiceWindow } from '../tunnels/outbound-form.tsx'
import { EndActions, TunnelDelete } from '../tunnels/tunnel-actions.tsx'
import { TunnelEdit } from '../tunnels/tunnel-edit.tsx'
import type { EndPlace } from '../tunnels/tunnel-end.ts'
import { Inbounds, Outbounds } from '../tunnels/tunnel-ends.tsx'
import { TunnelForm } from '../tunnels/tunnel-form.tsx'

/** The ends of tunnels at this computer, or at another endpoint of one's own, with what goes through them now. */
export function TunnelsPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const status = useQuery(QUERIES.status())
  const [isMaking, { open, close }] = useDisclosure()
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1}>{say('tunnels.title')}</Title>
        <Button onClick={open}>{say('tunnel.new')}</Button>
      </Group>
      <Loaded query={status}>
        {({ meshes }) => {
          const here = meshes.find(one => one.name === mesh)?.endpoint
          if (here === undefined) return null
          return (
            <>
              <Modal
                opened={isMaking}
                onClose={close}
                title={say('tunnel.new')}
                size="lg"
                closeButtonProps={{ 'aria-label': say('action.close') }}
              >
                <TunnelForm mesh={mesh} here={here} onDone={close} />
              </Modal>
              <Ends key={here.id} mesh={mesh} here={here} />
            </>
          )
        }}
      </Loaded>
    </Stack>
  )
}

function Ends({ mesh, here }: { mesh: string; here: { id: string; name: string; user: string } }) {
  const { say } = useTexts()
  const [at, setAt] = useState<string>(here.id)
  const [edited, setEdited] = useState<EndPlace>()
  const [deleted, setDeleted] = useState<EndPlace>()
  const [isMaking, { open: openService, close: closeService }] = useDisclosure()
  const endpoints = useQuery(NETWORK_QUERIES.endpointsOf(mesh, here.user))
  const own = endpoints.data?.endpoints ?? []
  const endpoint = {
    id: at,
    name: own.find(({ id }) => id === at)?.name ?? here.name,
    isLocal: at === here.id,
  }
  const actions = (place: EndPlace) => <EndActions place={place} onEdit={setEdited} onDelete={setDeleted} />
  return (
    <>
      <Unanswered query={endpoints} />
      {own.length > 1 && (
        <Select
          label={say('tunnel.at')}
          data={own.map(({ id, name, isLocal }) => ({
            value: id,
            label: isLocal ? `${name} (${say('endpoint.local')})` : name,
          }))}
          value={at}
          onChange={id => setAt(id ?? here.id)}
          allowDeselect={false}
          searchable
          maw={320}
        />
      )}
      <Inbounds mesh={mesh} endpoint={endpoint} actions={actions} />
      <Outbounds mesh={mesh} endpoint={endpoint} actions={actions} />
      <Group>
        <Button variant="default" size="xs" onClick={openService}>
          {say('route.new')}
        </Button>
      </Group>
      <HttpServiceWindow isOpen={isMaking} mesh={mesh} endpoint={endpoint} onDone={closeService} />
      <TunnelEdit place={edited} onDone={() => setEdited(undefined)} />
      <TunnelDelete place={deleted} onDone={() => setDeleted(undefined)} />
    </>
  )
}
