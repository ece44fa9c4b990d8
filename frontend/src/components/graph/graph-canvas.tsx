import "@xyflow/react/dist/base.css"
import { Background, BaseEdge, Controls, type Edge, type EdgeProps, Handle, type Node, type NodeProps, Position, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react"
import { type KeyboardEvent, memo, useEffect, useMemo } from "react"
import classes from "./graph.module.css"
import { layout, type Point } from "@/lib/layout"
import { boxOf, type Drawn, edgesOf, type GraphModel, neighbour, tensorText } from "@/lib/picture"

interface Props {
  graph: GraphModel
  found: readonly number[]
  selected: number | null
  onSelect: (node: number | null) => void
}

type GraphNode = Node<{ item: Drawn; found: boolean }, "box">
type GraphEdge = Edge<{ bends: Point[] }, "bent">

const NODE_TYPES = { box: memo(BoxNode) }
const EDGE_TYPES = { bent: memo(BentEdge) }
const READABLE = 0.8 // the zoom at which names can be read

/** The drawing. One stop for Tab; arrows follow the data, plus and minus zoom. */
export function GraphCanvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  )
}

function Canvas({ graph, found, selected, onSelect }: Props) {
  const flow = useReactFlow()
  const drawing = useMemo(() => place(graph), [graph])
  const marks = useMemo(() => new Set(found), [found])
  const nodes = useMemo(
    () =>
      drawing.nodes.map((node, index) =>
        index === selected || marks.has(index) ? { ...node, selected: index === selected, data: { ...node.data, found: marks.has(index) } } : node,
      ),
    [drawing, marks, selected],
  )
  const edges = useMemo(
    () =>
      drawing.edges.map((edge) =>
        edge.source === String(selected) || edge.target === String(selected) ? { ...edge, selected: true } : edge,
      ),
    [drawing, selected],
  )

  useEffect(() => {
    if (selected === null) return
    const { x, y } = drawing.places[selected]!
    void flow.setCenter(x, y, { zoom: Math.max(flow.getZoom(), READABLE) })
  }, [drawing, flow, selected])

  const move = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return
    if (event.key === "+" || event.key === "=") void flow.zoomIn()
    else if (event.key === "-") void flow.zoomOut()
    else if (event.key === "0") void flow.fitView()
    else if (event.key === "Escape") onSelect(null)
    else if (event.key === "Home") onSelect(0)
    else if (event.key === "End") onSelect(graph.drawn.length - 1)
    else if (event.key.startsWith("Arrow")) onSelect(selected === null ? 0 : (neighbour(graph, selected, event.key) ?? selected))
    else return
    event.preventDefault()
  }
  return (
    // The drawing takes keys as a whole; its nodes are told by name as they are chosen.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className={classes.canvas}
      role="application"
      aria-label="Graph. Arrow keys follow the data, plus and minus zoom, 0 shows all. The same is there as a table."
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onKeyDown={move}
    >
      <p className="visually-hidden" aria-live="polite">
        {selected === null ? "" : spoken(graph, selected)}
      </p>
      <ReactFlow<GraphNode, GraphEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodeClick={(_, node) => onSelect(Number(node.id))}
        onPaneClick={() => onSelect(null)}
        defaultViewport={firstView(drawing)}
        minZoom={0.02}
        maxZoom={2}
        onlyRenderVisibleElements
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnDoubleClick={false}
        preventScrolling
        disableKeyboardA11y
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={24} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  )
}

/** The start of the network, large enough to be read: all of a deep one would be a hair. */
function firstView({ width }: { width: number }) {
  return { x: 320 - (width / 2) * READABLE, y: 16, zoom: READABLE }
}

function BoxNode({ data: { item, found }, selected }: NodeProps<GraphNode>) {
  const node = item.role === "node" ? item.node : null
  return (
    <div
      className={classes.node}
      data-role={item.role}
      data-kind={node?.kind ?? undefined}
      data-problem={node?.problem ? true : undefined}
      data-found={found || undefined}
      data-selected={selected || undefined}
    >
      <Handle type="target" position={Position.Top} className={classes.handle} isConnectable={false} />
      <span className={classes.op}>{node ? item.label : `${item.label} ${item.title}`}</span>
      {node && <span className={classes.name}>{item.title}</span>}
      <Handle type="source" position={Position.Bottom} className={classes.handle} isConnectable={false} />
    </div>
  )
}

function BentEdge({ sourceX, sourceY, targetX, targetY, data, selected }: EdgeProps<GraphEdge>) {
  const ends: Point[] = [{ x: sourceX, y: sourceY }, ...(data?.bends ?? []), { x: targetX, y: targetY }]
  return <BaseEdge path={path(ends)} {...(selected && { className: classes.edgeActive })} />
}

/** Curves that leave and arrive vertically. */
function path(points: readonly Point[]): string {
  const [start, ...rest] = points
  let from = start!
  const parts = [`M${from.x},${from.y}`]
  for (const to of rest) {
    const half = (from.y + to.y) / 2
    parts.push(from.x === to.x ? `L${to.x},${to.y}` : `C${from.x},${half} ${to.x},${half} ${to.x},${to.y}`)
    from = to
  }
  return parts.join(" ")
}

function place(graph: GraphModel) {
  const boxes = graph.drawn.map(boxOf)
  const { edges, tensors } = edgesOf(graph)
  const { places, bends, width } = layout(boxes, edges)
  const nodes = graph.drawn.map((item, index): GraphNode => {
    const box = boxes[index]!
    const { x, y } = places[index]!
    return {
      id: String(index),
      type: "box",
      position: { x: x - box.width / 2, y: y - box.height / 2 },
      width: box.width,
      height: box.height,
      data: { item, found: false },
    }
  })
  const drawn = edges.map(([from, to], index): GraphEdge => {
    const names = tensors[index]!.map((tensor) => tensorText(graph.picture.tensors[tensor]!))
    return {
      id: `${from}-${to}`,
      type: "bent",
      source: String(from),
      target: String(to),
      data: { bends: bends[index]! },
      ariaLabel: names.join(", "),
    }
  })
  return { nodes, edges: drawn, places, width }
}

function spoken({ drawn, into, outOf }: GraphModel, index: number): string {
  const { label, title } = drawn[index]!
  const names = (list: readonly number[]) => [...new Set(list)].slice(0, 5).map((other) => drawn[other]!.title).join(", ")
  const from = names(into[index]!.map((link) => link.from))
  const to = names(outOf[index]!.map((link) => link.to))
  return [`${label} ${title}`, from && `reads ${from}`, to && `read by ${to}`].filter(Boolean).join("; ")
}
