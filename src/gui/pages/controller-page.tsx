import { Alert, Button, Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, Navigate, useParams } from '@tanstack/react-router'
import { EDGE_KINDS, type EdgeKind } from '../../core/edge/edge-kinds.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { AdvisorSection } from '../controller/advisor-section.tsx'
import { CollectionSection } from '../controller/collection-section.tsx'
import { COLLECTIONS } from '../controller/collections.ts'
import { EntitySection } from '../controller/entity-section.tsx'
import { NetworkSection } from '../controller/network-section.tsx'
import { OwnSection } from '../controller/own-section.tsx'
import { UsageSection } from '../controller/usage-section.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import type { TextKey } from '../texts/en.ts'
import { useTexts } from '../texts/texts.ts'

/** The controller of a mesh: identities, services, policies and all that belongs to them; to members, their own. */
export function ControllerPage() {
  const { mesh = '', section, id } = useParams({ strict: false })
  const info = useQuery(QUERIES.mesh(mesh))
  const user = info.data?.endpoint.user ?? ''
  const role = useQuery(EDGE_QUERIES.role(mesh, user))
  return (
    <Loaded query={info}>
      {() => (
        <Loaded query={role}>
          {({ isAdmin }) => (
            <Stack>
              <Sections mesh={mesh} here={section} isAdmin={isAdmin} />
              {section === undefined ? (
                <Navigate
                  to="/$mesh/controller/$section"
                  params={{ mesh, section: isAdmin ? 'identities' : 'own' }}
                  replace
                />
              ) : (
                <Section key={`${section} ${id}`} {...{ mesh, section, id, isAdmin, user }} />
              )}
            </Stack>
          )}
        </Loaded>
      )}
    </Loaded>
  )
}

function Section({
  mesh,
  section,
  id,
  isAdmin,
  user,
}: {
  mesh: string
  section: string
  id: string | undefined
  isAdmin: boolean
  user: string
}) {
  const { say } = useTexts()
  if (section === 'own') return <OwnSection mesh={mesh} />
  if (section === 'usage') return <UsageSection mesh={mesh} isAdmin={isAdmin} />
  if (!isAdmin) {
    const [before = '', after = ''] = say('controller.admins').split('{user}')
    return (
      <>
        <Title order={1}>{say('controller.title')}</Title>
        <Alert color="gray">
          <Text>
            {before}
            <Name>{user}</Name>
            {after}
          </Text>
          <Text size="sm">{say('controller.adminsHelp')}</Text>
        </Alert>
      </>
    )
  }
  if (section === 'advisor') return <AdvisorSection mesh={mesh} />
  if (section === 'network') return <NetworkSection mesh={mesh} />
  const kind = KIND_OF.get(section)
  if (kind === undefined)
    return <Navigate to="/$mesh/controller/$section" params={{ mesh, section: 'identities' }} replace />
  const collection = COLLECTIONS[kind]
  return id === undefined ? (
    <CollectionSection mesh={mesh} collection={collection} />
  ) : (
    <EntitySection mesh={mesh} collection={collection} id={id} />
  )
}

/** The way to everything that the controller keeps. */
function Sections({ mesh, here, isAdmin }: { mesh: string; here: string | undefined; isAdmin: boolean }) {
  const { say } = useTexts()
  const groups = isAdmin ? GROUPS : MEMBER_GROUPS
  return (
    <Stack component="nav" gap={4} aria-label={say('controller.title')}>
      {groups.map(([title, sections]) => (
        <Group key={title} gap={4}>
          <Text size="sm" w={110}>
            {say(title)}
          </Text>
          {sections.map(([section, text]) => (
            <Button
              key={section}
              size="compact-sm"
              variant={section === here ? 'filled' : 'default'}
              aria-current={section === here ? 'page' : undefined}
              renderRoot={props => (
                <Link {...props} to="/$mesh/controller/$section" params={{ mesh, section }} />
              )}
            >
              {say(text)}
            </Button>
          ))}
        </Group>
      ))}
    </Stack>
  )
}

type SectionLink = readonly [section: string, text: TextKey]
const linkOf = (kind: EdgeKind): SectionLink => [EDGE_KINDS[kind].collection, COLLECTIONS[kind].title]
const KIND_OF: ReadonlyMap<string, EdgeKind> = new Map(
  (Object.keys(EDGE_KINDS) as EdgeKind[]).map(kind => [EDGE_KINDS[kind].collection, kind]),
)
const OWN: SectionLink = ['own', 'own.title']
const USAGE: SectionLink = ['usage', 'usage.title']
const GROUPS: readonly (readonly [TextKey, readonly SectionLink[]])[] = [
  [
    'controller.group.people',
    [
      linkOf('identity'),
      linkOf('enrollment'),
      linkOf('authenticator'),
      linkOf('auth-policy'),
      linkOf('signer'),
    ],
  ],
  [
    'controller.group.things',
    [linkOf('service'), linkOf('terminator'), linkOf('config'), linkOf('config-type')],
  ],
  [
    'controller.group.access',
    [
      linkOf('policy'),
      linkOf('edge-router-policy'),
      linkOf('service-edge-router-policy'),
      linkOf('edge-router'),
      ['advisor', 'advice.title'],
      OWN,
    ],
  ],
  ['controller.group.now', [linkOf('api-session'), linkOf('session'), USAGE]],
  ['controller.group.whole', [['network', 'declared.title']]],
]
const MEMBER_GROUPS: typeof GROUPS = [['controller.group.access', [OWN, USAGE]]]
