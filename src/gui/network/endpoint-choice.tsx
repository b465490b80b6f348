import { Autocomplete } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { Missing } from '../parts/loaded.tsx'

/** A field for the name of an endpoint, of which some that fit are offered, however many there are. */
export function EndpointChoice({
  mesh,
  label,
  description,
  value,
  onChange,
  more = [],
}: {
  mesh: string
  label: string
  description?: string
  value: string
  onChange: (name: string) => void
  /** Offered beside the endpoints. */
  more?: readonly string[]
}) {
  const [wanted] = useDebouncedValue(value, 100)
  const keyword = wanted.slice(0, 64) || undefined
  const found = useQuery({
    ...NETWORK_QUERIES.endpointPage(mesh, { keyword }, 0),
    placeholderData: last => last,
  })
  const names = (found.data?.endpoints ?? []).map(({ name }) => name)
  return (
    <div style={{ flex: '1 1 220px' }}>
      <Autocomplete
        label={label}
        description={description}
        value={value}
        maxLength={80}
        limit={20}
        data={[...new Set([...names, ...more])]}
        onChange={onChange}
      />
      <Missing query={found} />
    </div>
  )
}
