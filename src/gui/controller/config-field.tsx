import {
  JsonInput,
  NumberInput,
  SegmentedControl,
  Select,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Json, memberOf, textsOf } from '../../core/edge/entity-members.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { useTexts } from '../texts/texts.ts'
import { type ConfigData, faultsOf, readJsonObject, readPortRanges, writePortRanges } from './config-data.ts'

/**
 * What a config says: by a form for the two types that are built in, and as JSON for all. What does not fit the type's schema
 * is said at once.
 */
export function ConfigField({
  mesh,
  typeId,
  label,
  value,
  onChange,
}: {
  mesh: string
  typeId: string | null
  label: string
  value: ConfigData
  onChange: (data: ConfigData) => void
}) {
  const { say } = useTexts()
  const hasForm = typeId === 'host.v1' || typeId === 'intercept.v1'
  const [view, setView] = useState('form')
  const type = useQuery({
    ...EDGE_QUERIES.one(mesh, 'config-type', typeId ?? ''),
    enabled: typeId !== null,
  })
  const schema = memberOf(type.data, 'schema')
  const faults = schema === undefined ? [] : faultsOf(schema, value)
  const isForm = hasForm && view === 'form'
  return (
    <Stack gap="xs" role="group" aria-label={label}>
      {hasForm && (
        <SegmentedControl
          aria-label={label}
          value={view}
          onChange={setView}
          data={[
            { value: 'form', label: say('edge.configForm') },
            { value: 'json', label: say('edge.configJson') },
          ]}
        />
      )}
      {!isForm && <JsonField label={label} value={value} onChange={onChange} />}
      {isForm && typeId === 'host.v1' && <HostForm value={value} onChange={onChange} />}
      {isForm && typeId === 'intercept.v1' && <InterceptForm value={value} onChange={onChange} />}
      {faults.length > 0 && (
        <Text size="sm" c="var(--mantine-color-error)" role="status" style={{ overflowWrap: 'anywhere' }}>
          {faults.join('; ')}
        </Text>
      )}
    </Stack>
  )
}

/** A JSON object as text; what is not one yet is kept, and said. */
export function JsonField({
  label,
  value,
  onChange,
}: {
  label: string
  value: Json
  onChange: (value: ConfigData) => void
}) {
  const { say } = useTexts()
  const [text, setText] = useState(() => JSON.stringify(value ?? {}, undefined, 2))
  const isGood = readJsonObject(text) !== undefined
  return (
    <JsonInput
      label={label}
      value={text}
      onChange={typed => {
        setText(typed)
        const read = readJsonObject(typed)
        if (read !== undefined) onChange(read)
      }}
      error={isGood ? undefined : say('edge.isNotJson')}
      autosize
      minRows={4}
      maxRows={16}
      spellCheck={false}
    />
  )
}

interface FormProps {
  readonly value: ConfigData
  readonly onChange: (data: ConfigData) => void
}

function HostForm({ value, onChange }: FormProps) {
  const { say } = useTexts()
  const port = value.port
  return (
    <>
      <Select
        label={say('edge.configProtocol')}
        data={PROTOCOLS}
        value={typeof value.protocol === 'string' ? value.protocol : null}
        onChange={protocol => onChange(withMember(value, 'protocol', protocol))}
        clearable
      />
      <TextInput
        label={say('edge.configAddress')}
        value={typeof value.address === 'string' ? value.address : ''}
        onChange={event => onChange(withMember(value, 'address', event.currentTarget.value || null))}
      />
      <NumberInput
        label={say('edge.configPort')}
        value={typeof port === 'number' ? port : ''}
        onChange={typed => onChange(withMember(value, 'port', typeof typed === 'number' ? typed : null))}
        min={0}
        max={65_535}
        allowDecimal={false}
        hideControls
      />
      <More value={value} shown={['protocol', 'address', 'port']} />
    </>
  )
}

function InterceptForm({ value, onChange }: FormProps) {
  const { say } = useTexts()
  const [ports, setPorts] = useState(() => writePortRanges(value.portRanges))
  const ranges = readPortRanges(ports)
  return (
    <>
      <TagsInput
        label={say('edge.configProtocol')}
        data={PROTOCOLS}
        value={textsOf(value.protocols)}
        onChange={protocols => onChange(withMember(value, 'protocols', protocols))}
      />
      <TagsInput
        label={say('edge.configAddresses')}
        value={textsOf(value.addresses)}
        onChange={addresses => onChange(withMember(value, 'addresses', addresses))}
        acceptValueOnBlur
      />
      <TextInput
        label={say('edge.configPorts')}
        description={say('edge.configPortsHelp')}
        value={ports}
        onChange={event => {
          const typed = event.currentTarget.value
          setPorts(typed)
          const read = readPortRanges(typed)
          if (read !== undefined)
            onChange(
              withMember(
                value,
                'portRanges',
                read.map(({ low, high }) => ({ low, high })),
              ),
            )
        }}
        error={ranges === undefined ? say('edge.configPortsHelp') : undefined}
      />
      <More value={value} shown={['protocols', 'addresses', 'portRanges']} />
    </>
  )
}

function More({ value, shown }: { value: ConfigData; shown: readonly string[] }) {
  const { say } = useTexts()
  const isAll = Object.keys(value).every(member => shown.includes(member))
  return isAll ? null : <Text size="sm">{say('edge.configMore')}</Text>
}

function withMember(data: ConfigData, member: string, value: Json): ConfigData {
  const { [member]: _, ...rest } = data
  return value === null ? rest : { ...rest, [member]: value }
}

const PROTOCOLS = ['tcp', 'udp']
