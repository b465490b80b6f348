import {
  Accordion,
  Button,
  Checkbox,
  Fieldset,
  Group,
  Select,
  SimpleGrid,
  Stack,
  TagsInput,
  Textarea,
  TextInput,
} from '@mantine/core'
import { useTexts } from '../texts/texts.ts'
import { emptyRoute, type RouteDraft } from './http-routes.ts'

interface RouteProps {
  readonly route: RouteDraft
  readonly onChange: (change: Partial<RouteDraft>) => void
}

/** The routes of an outbound that speaks HTTP, each with all that can be set of it. */
export function RouteFields({
  routes,
  onChange,
}: {
  readonly routes: readonly RouteDraft[]
  readonly onChange: (routes: readonly RouteDraft[]) => void
}) {
  const { say } = useTexts()
  const next = Math.max(0, ...routes.map(({ key }) => key)) + 1
  return (
    <Stack gap="xs">
      {routes.map((route, index) => (
        <Fieldset key={route.key} legend={say('route.number', { number: index + 1 })}>
          <Place
            route={route}
            onChange={change =>
              onChange(routes.map(one => (one.key === route.key ? { ...one, ...change } : one)))
            }
          />
          {routes.length > 1 && (
            <Button
              size="compact-xs"
              variant="default"
              mt="xs"
              aria-label={`${say('route.remove')} ${index + 1}`}
              onClick={() => onChange(routes.filter(one => one.key !== route.key))}
            >
              {say('route.remove')}
            </Button>
          )}
        </Fieldset>
      ))}
      <Group>
        <Button size="xs" variant="default" onClick={() => onChange([...routes, emptyRoute(next)])}>
          {say('route.add')}
        </Button>
      </Group>
    </Stack>
  )
}

function Place({ route, onChange }: RouteProps) {
  const { say } = useTexts()
  return (
    <Stack gap="xs">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label={say('route.host')}
          placeholder="*"
          value={route.host}
          onChange={event => onChange({ host: event.currentTarget.value.trim() })}
        />
        <TextInput
          label={say('route.path')}
          placeholder="/*"
          value={route.path}
          onChange={event => onChange({ path: event.currentTarget.value.trim() })}
        />
      </SimpleGrid>
      <TagsInput
        label={say('route.targets')}
        description={say('route.targetsHelp')}
        placeholder={route.targets.length === 0 ? 'http://127.0.0.1:3000' : ''}
        value={[...route.targets]}
        onChange={targets => onChange({ targets })}
        acceptValueOnBlur
      />
      <Accordion variant="contained" order={3}>
        <Accordion.Item value="more">
          <Accordion.Control>{say('route.more')}</Accordion.Control>
          <Accordion.Panel>
            <More route={route} onChange={onChange} />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  )
}

function More({ route, onChange }: RouteProps) {
  const { say } = useTexts()
  return (
    <Stack gap="xs">
      <TextInput
        label={say('route.health')}
        description={say('route.healthHelp')}
        placeholder="/healthz"
        value={route.health}
        onChange={event => onChange({ health: event.currentTarget.value.trim() })}
      />
      <Select
        label={say('route.balance')}
        data={(['round-robin', 'least-connections'] as const).map(value => ({
          value,
          label: say(`route.balance.${value}`),
        }))}
        value={route.balance}
        onChange={value => onChange({ balance: value === 'least-connections' ? value : 'round-robin' })}
        allowDeselect={false}
      />
      <Checkbox
        label={say('route.sticky')}
        checked={route.isSticky}
        onChange={event => onChange({ isSticky: event.currentTarget.checked })}
      />
      <Checkbox
        label={say('route.caller')}
        checked={route.tellsCaller}
        onChange={event => onChange({ tellsCaller: event.currentTarget.checked })}
      />
      {route.tellsCaller && (
        <TextInput
          label={say('route.audience')}
          value={route.audience}
          maxLength={256}
          onChange={event => onChange({ audience: event.currentTarget.value })}
        />
      )}
      <TextInput
        label={say('route.strip')}
        placeholder="/v1"
        value={route.stripPrefix}
        onChange={event => onChange({ stripPrefix: event.currentTarget.value.trim() })}
      />
      <TextInput
        label={say('route.hostHeader')}
        value={route.hostHeader}
        onChange={event => onChange({ hostHeader: event.currentTarget.value.trim() })}
      />
      <Certificates route={route} onChange={onChange} />
    </Stack>
  )
}

/** How certificates of targets in TLS are checked. */
function Certificates({ route, onChange }: RouteProps) {
  const { say } = useTexts()
  return (
    <>
      <Textarea
        label={say('route.ca')}
        description={say('route.caHelp')}
        value={route.caPem}
        onChange={event => onChange({ caPem: event.currentTarget.value })}
        spellCheck={false}
        autosize
        maxRows={6}
      />
      <TextInput
        label={say('route.serverName')}
        value={route.serverName}
        onChange={event => onChange({ serverName: event.currentTarget.value.trim() })}
      />
      <Checkbox
        label={say('route.anyCertificate')}
        checked={route.takesAnyCertificate}
        onChange={event => onChange({ takesAnyCertificate: event.currentTarget.checked })}
      />
    </>
  )
}
