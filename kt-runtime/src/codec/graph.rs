//! The requests of a type's `Deserialize` as a graph: a node for each kind of request, an edge for
//! each value inside.

use std::{any::type_name, collections::HashMap};

/// Maximum number of edges of a graph. Types with more are not checked: an array of a million
/// elements has as many edges.
const EDGES: usize = 1 << 16;

/// Index of a node.
pub(crate) type Id = u32;

/// A value without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leaf {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Unit,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Leaf(Leaf),
    Option(Id),
    Seq(Id),
    Map(Id, Id),
    /// Also a tuple struct: their bytes are the same.
    Tuple(Box<[Id]>),
    Struct(Names, Box<[Id]>),
    Enum(Names, Box<[Content]>),
}

/// The content of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Unit,
    Newtype(Id),
    Tuple(Box<[Id]>),
    Struct(Names, Box<[Id]>),
}

pub(crate) type Names = &'static [&'static str];

/// All requests of one type. `root` is the type itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    nodes: Box<[Node]>,
    root: Id,
}

impl Graph {
    pub(crate) fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }
}

/// Identifies a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// Field or variant names.
    names: Names,
    /// The type name of the visitor that receives the answer.
    visitor: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Leaf(Leaf),
    Option,
    Seq,
    Map,
    Tuple(usize),
    Struct,
    Enum,
}

impl Key {
    pub(crate) fn new<V>(kind: Kind, names: Names) -> Self {
        let visitor = match kind {
            Kind::Leaf(_) => "",
            _ => type_name::<V>(),
        };
        Self {
            kind,
            names,
            visitor,
        }
    }
}

/// The position of a value in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    Root,
    Part(Id, u32),
    /// In a variant of an enum.
    Variant(Id, u32, u32),
}

/// The form in which a variant was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Unit,
    Newtype,
    Tuple(usize),
    Struct(Names),
}

/// A graph under construction.
///
/// A type is traced many times with different values. A difference between passes means that the
/// requests depend on values, which a graph cannot express: then there is no graph.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    ids: HashMap<Key, Id>,
    keys: Vec<Key>,
    edges: HashMap<Slot, Id>,
    forms: HashMap<(Id, u32), Form>,
    contradicted: bool,
}

impl Builder {
    /// The node of a request for the value in `slot`.
    pub(crate) fn ask(&mut self, slot: Slot, key: Key) -> Id {
        let next = self.keys.len() as Id;
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.keys.push(key);
        }
        if *self.edges.entry(slot).or_insert(id) != id || self.edges.len() > EDGES {
            self.contradicted = true;
        }
        id
    }

    pub(crate) fn variant(&mut self, id: Id, index: u32, form: Form) {
        if *self.forms.entry((id, index)).or_insert(form) != form {
            self.contradicted = true;
        }
    }

    /// The type did something that cannot be checked in bytes without names.
    pub(crate) fn contradict(&mut self) {
        self.contradicted = true;
    }

    /// Whether further passes are pointless.
    pub(crate) fn contradicted(&self) -> bool {
        self.contradicted
    }

    /// The graph, if it is complete and without contradictions.
    pub(crate) fn finish(self) -> Option<Graph> {
        if self.contradicted {
            return None;
        }
        let nodes = self.keys.iter().enumerate();
        let nodes: Option<Box<[Node]>> = nodes.map(|(id, key)| self.node(id as Id, *key)).collect();
        Some(Graph {
            nodes: nodes?,
            root: *self.edges.get(&Slot::Root)?,
        })
    }

    fn node(&self, id: Id, key: Key) -> Option<Node> {
        let part = |index| self.edges.get(&Slot::Part(id, index)).copied();
        let parts = |count: usize| (0..count as u32).map(part).collect::<Option<Box<[Id]>>>();
        Some(match key.kind {
            Kind::Leaf(leaf) => Node::Leaf(leaf),
            Kind::Option => Node::Option(part(0)?),
            Kind::Seq => Node::Seq(part(0)?),
            Kind::Map => Node::Map(part(0)?, part(1)?),
            Kind::Tuple(len) => Node::Tuple(parts(len)?),
            Kind::Struct => Node::Struct(key.names, parts(key.names.len())?),
            Kind::Enum => {
                let contents = (0..key.names.len() as u32).map(|index| self.content(id, index));
                Node::Enum(key.names, contents.collect::<Option<_>>()?)
            }
        })
    }

    fn content(&self, id: Id, index: u32) -> Option<Content> {
        let part = |part| self.edges.get(&Slot::Variant(id, index, part)).copied();
        let parts = |count: usize| (0..count as u32).map(part).collect::<Option<Box<[Id]>>>();
        Some(match *self.forms.get(&(id, index))? {
            Form::Unit => Content::Unit,
            Form::Newtype => Content::Newtype(part(0)?),
            Form::Tuple(len) => Content::Tuple(parts(len)?),
            Form::Struct(names) => Content::Struct(names, parts(names.len())?),
        })
    }
}
