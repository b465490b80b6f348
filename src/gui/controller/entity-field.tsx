import { NumberInput, Select, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { type Json, textsOf } from '../../core/edge/entity-members.ts'
import type { RoleSemantic } from '../../core/edge/role-match.ts'
import type { TextKey } from '../texts/en.ts'
import { useTexts } from '../texts/texts.ts'
import type { Field } from './collection.ts'
import { ConfigField, JsonField } from './config-field.tsx'
import { EntitiesChoice, EntityChoice } from './entity-choice.tsx'
import type { FormValues } from './form-values.ts'
import { AttributesInput, RolesInput } from './roles-input.tsx'

interface FieldProps {
  readonly mesh: string
  readonly field: Field
  readonly members: FormValues['members']
  readonly isNew: boolean
  readonly onChange: (value: Json) => void
}

/** How one member of an entity is asked for. */
export function EntityField(props: FieldProps) {
  const { say } = useTexts()
  const { mesh, field, members, isNew, onChange } = props
  const value = members[field.member] ?? null
  const asked = { mesh, label: say(field.label) }
  switch (field.is) {
    case 'attributes':
      return <AttributesInput {...asked} kind={field.kind} value={textsOf(value)} onChange={onChange} />
    case 'roles': {
      const semantic: RoleSemantic = members.semantic === 'AllOf' ? 'AllOf' : 'AnyOf'
      const roles = { value: textsOf(value), semantic, onChange }
      return <RolesInput {...asked} kind={field.kind} {...roles} />
    }
    case 'one':
      return (
        <EntityChoice
          {...asked}
          kind={field.kind}
          value={typeof value === 'string' && value !== '' ? value : null}
          onChange={onChange}
          isRequired={field.isRequired === true}
          isDisabled={field.isLasting === true && !isNew}
        />
      )
    case 'several':
      return <EntitiesChoice {...asked} kind={field.kind} value={textsOf(value)} onChange={onChange} />
    case 'json':
      return <JsonField label={asked.label} value={value} onChange={data => onChange(data as Json)} />
    case 'config': {
      const typeId = typeof members.configTypeId === 'string' ? members.configTypeId : null
      const data = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
      // Another type has another form.
      return (
        <ConfigField
          key={typeId}
          {...asked}
          typeId={typeId}
          value={data}
          onChange={next => onChange(next as Json)}
        />
      )
    }
    default:
      return <PlainField {...props} field={field} />
  }
}

/** A text, a number, a switch, or one of a few. */
function PlainField({ field, members, onChange }: FieldProps & { readonly field: PlainField }) {
  const { say } = useTexts()
  const value = members[field.member] ?? null
  const common = { label: say(field.label), required: field.isRequired === true }
  const text = typeof value === 'string' ? value : ''
  switch (field.is) {
    case 'text':
      return <TextInput {...common} value={text} onChange={event => onChange(event.currentTarget.value)} />
    case 'pem':
      return (
        <Textarea
          {...common}
          value={text}
          onChange={event => onChange(event.currentTarget.value)}
          autosize
          minRows={2}
          maxRows={8}
          spellCheck={false}
        />
      )
    case 'count':
      return (
        <NumberInput
          {...common}
          value={typeof value === 'number' ? value : ''}
          onChange={typed => onChange(typeof typed === 'number' ? typed : null)}
          min={field.min}
          max={field.max}
          allowDecimal={false}
        />
      )
    case 'switch':
      return (
        <Switch
          label={common.label}
          checked={value === true}
          onChange={event => onChange(event.currentTarget.checked)}
        />
      )
    case 'choice':
      return (
        <Select
          {...common}
          data={choicesOf(field.choices, say)}
          value={text}
          onChange={onChange}
          allowDeselect={false}
        />
      )
    case 'texts':
      return <TagsInput {...common} value={textsOf(value)} onChange={onChange} acceptValueOnBlur />
  }
}

type PlainField = Extract<Field, { readonly is: 'text' | 'pem' | 'count' | 'switch' | 'choice' | 'texts' }>

function choicesOf(choices: readonly string[], say: (key: TextKey) => string) {
  return choices.map(value => {
    const meaning = MEANINGS[value]
    return { value, label: meaning === undefined ? value : `${value}: ${say(meaning)}` }
  })
}

const MEANINGS: Readonly<Record<string, TextKey>> = {
  AnyOf: 'edge.semantic.AnyOf',
  AllOf: 'edge.semantic.AllOf',
  Dial: 'advice.dial',
  Bind: 'advice.bind',
}
