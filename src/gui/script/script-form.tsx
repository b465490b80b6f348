import {
  Accordion,
  Button,
  Group,
  MultiSelect,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import type { EndpointInfo } from '../../core/api/shapes.ts'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { type Draft, RIGHTS } from './script-draft.ts'

interface FieldProps {
  readonly draft: Draft
  readonly onChange: (change: Partial<Draft>) => void
}

interface RightsProps {
  readonly draft: Pick<Draft, 'grants' | 'timeoutS' | 'memoryMb'>
  readonly onChange: (change: Partial<Pick<Draft, 'grants' | 'timeoutS' | 'memoryMb'>>) => void
}

interface PlaceProps extends FieldProps {
  /** Those that are online and known here. */
  readonly endpoints: readonly EndpointInfo[]
  readonly onSearch: (keyword: string) => void
}

/** What a script is run with: where, its arguments, what it is allowed, how long. */
export function ScriptForm({ draft, endpoints, onChange, onSearch }: PlaceProps) {
  const { say } = useTexts()
  return (
    <Stack gap="sm">
      <PlaceFields draft={draft} endpoints={endpoints} onChange={onChange} onSearch={onSearch} />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label={say('script.fileName')}
          value={draft.name}
          maxLength={128}
          onChange={event => onChange({ name: event.currentTarget.value })}
        />
        <TagsInput
          label={say('script.args')}
          value={[...draft.args]}
          onChange={args => onChange({ args })}
          splitChars={[]}
          allowDuplicates
          acceptValueOnBlur
        />
      </SimpleGrid>
      <Textarea
        label={say('script.input')}
        description={say('script.inputHelp')}
        value={draft.input}
        onChange={event => onChange({ input: event.currentTarget.value })}
        autosize
        maxRows={8}
        spellCheck={false}
      />
      <Accordion variant="contained" order={2}>
        <Accordion.Item value="rights">
          <Accordion.Control>
            {say('script.rights')}: {rightsOf(draft) || say('script.mayNothing')}
          </Accordion.Control>
          <Accordion.Panel>
            <RightsFields draft={draft} onChange={onChange} />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  )
}

function PlaceFields({ draft, endpoints: online, onChange, onSearch }: PlaceProps) {
  const { say } = useTexts()
  const labels = [...new Set(online.flatMap(({ labels }) => labels))].sort()
  const isTwice = (name: string) => online.filter(one => one.name === name).length > 1
  const add = (more: readonly EndpointInfo[]) =>
    onChange({ endpoints: [...new Set([...draft.endpoints, ...more.map(({ id }) => id)])] })
  return (
    <Group align="end">
      <MultiSelect
        label={say('script.endpoints')}
        placeholder={draft.endpoints.length === 0 ? say('script.endpointsHint') : ''}
        data={online.map(({ id, name, user }) => ({
          value: id,
          label: visibleName(isTwice(name) ? `${name} (${user})` : name),
        }))}
        value={draft.endpoints.filter(id => online.some(one => one.id === id))}
        onChange={ids => onChange({ endpoints: ids })}
        onSearchChange={onSearch}
        limit={50}
        searchable
        clearable
        clearButtonProps={{ 'aria-label': `${say('action.delete')}: ${say('script.endpoints')}` }}
        style={{ flex: '1 1 260px' }}
      />
      <Button variant="default" onClick={() => add(online)}>
        {say('script.all')}
      </Button>
      {labels.length > 0 && (
        <Select
          label={say('script.label')}
          data={labels}
          value={null}
          onChange={label => add(online.filter(one => one.labels.some(has => has === label)))}
          searchable
        />
      )}
    </Group>
  )
}

/** What a script is allowed, line by line, and its limits. */
export function RightsFields({ draft, onChange }: RightsProps) {
  const { say } = useTexts()
  return (
    <Stack gap="xs">
      <Text size="sm">{say('script.rightsHelp')}</Text>
      {RIGHTS.map(([kind]) => (
        <TagsInput
          key={kind}
          label={say(`script.allow.${kind}`)}
          placeholder={say(`script.allow.${kind}Hint`)}
          value={[...draft.grants[kind]]}
          onChange={lines => onChange({ grants: { ...draft.grants, [kind]: lines } })}
          splitChars={[]}
          maxTags={32}
          acceptValueOnBlur
        />
      ))}
      <Group grow>
        <NumberInput
          label={say('script.time')}
          value={draft.timeoutS}
          onChange={value => onChange({ timeoutS: Number(value) || 600 })}
          min={1}
          max={86_400}
          hideControls
        />
        <NumberInput
          label={say('script.memory')}
          value={draft.memoryMb}
          onChange={value => onChange({ memoryMb: Number(value) || 128 })}
          min={32}
          max={65_536}
          allowDecimal={false}
          hideControls
        />
      </Group>
    </Stack>
  )
}

/** What a draft is allowed, as one line. */
export function rightsOf({ grants }: Pick<Draft, 'grants'>): string {
  return RIGHTS.flatMap(([kind, word]) => grants[kind].map(line => `${word}:${line}`)).join(' ')
}
