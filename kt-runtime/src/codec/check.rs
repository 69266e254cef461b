//! Compares the steps of a value's `Serialize` with the requests of its type's `Deserialize`.
//!
//! bincode's bytes have no names: they are read as what is requested, whatever they were written
//! as. If each step of one is the same step of the other, the value is unchanged. If not (a field
//! that is skipped or has another name, a variant with another number, a sequence where bytes are
//! requested), it may change: the value is encoded in the format with names.

use std::sync::Arc;

use super::{
    error::Fail,
    graph::{Content, Graph, Id, Leaf, Names, Node},
};

/// The position of the next value in a graph. Without a graph every step is accepted.
#[derive(Debug, Default)]
pub(super) struct Check {
    graph: Option<Arc<Graph>>,
    at: Id,
    failed: bool,
}

/// The parts of a value whose question is known.
#[derive(Debug)]
pub(super) enum Parts {
    /// Nothing is checked.
    Any,
    /// Each of them the same.
    Same(Id),
    /// By turns.
    Pairs(Id, Id),
    /// The node that has them, and the variant if it is an enum.
    Of(Id, Option<u32>),
}

impl Check {
    /// From the start of `graph`.
    pub(super) fn begin(&mut self, graph: Arc<Graph>) {
        self.at = graph.root();
        self.graph = Some(graph);
    }

    /// Whether any step differed from the request.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    #[cold]
    fn fail<T>(&mut self) -> Result<T, Fail> {
        self.failed = true;
        Err(Fail::new("it is not written as it is read"))
    }

    fn node(&self) -> Option<&Node> {
        self.graph.as_ref().map(|graph| graph.node(self.at))
    }

    #[inline]
    pub(super) fn leaf(&mut self, leaf: Leaf) -> Result<(), Fail> {
        match self.node() {
            None => Ok(()),
            Some(Node::Leaf(wanted)) if *wanted == leaf => Ok(()),
            Some(_) => self.fail(),
        }
    }

    /// An `Option`; what it holds comes next.
    pub(super) fn option(&mut self) -> Result<(), Fail> {
        match self.node() {
            None => Ok(()),
            Some(Node::Option(inside)) => {
                self.at = *inside;
                Ok(())
            }
            Some(_) => self.fail(),
        }
    }

    pub(super) fn seq(&mut self) -> Result<Parts, Fail> {
        match self.node() {
            None => Ok(Parts::Any),
            Some(Node::Seq(inside)) => Ok(Parts::Same(*inside)),
            Some(_) => self.fail(),
        }
    }

    pub(super) fn map(&mut self) -> Result<Parts, Fail> {
        match self.node() {
            None => Ok(Parts::Any),
            Some(Node::Map(key, value)) => Ok(Parts::Pairs(*key, *value)),
            Some(_) => self.fail(),
        }
    }

    pub(super) fn tuple(&mut self, len: usize) -> Result<Parts, Fail> {
        match self.node() {
            None => Ok(Parts::Any),
            Some(Node::Tuple(parts)) if parts.len() == len => Ok(Parts::Of(self.at, None)),
            Some(_) => self.fail(),
        }
    }

    pub(super) fn structure(&mut self, len: usize) -> Result<Parts, Fail> {
        match self.node() {
            None => Ok(Parts::Any),
            Some(Node::Struct(_, parts)) if parts.len() == len => Ok(Parts::Of(self.at, None)),
            Some(_) => self.fail(),
        }
    }

    /// A variant; `agrees` looks at what it holds.
    pub(super) fn variant(
        &mut self,
        index: u32,
        name: &str,
        agrees: impl FnOnce(&Content) -> bool,
    ) -> Result<Parts, Fail> {
        let Some(node) = self.node() else {
            return Ok(Parts::Any);
        };
        let Node::Enum(names, contents) = node else {
            return self.fail();
        };
        let at = index as usize;
        match (names.get(at), contents.get(at)) {
            (Some(wanted), Some(content)) if *wanted == name && agrees(content) => {
                Ok(Parts::Of(self.at, Some(index)))
            }
            _ => self.fail(),
        }
    }

    /// A part comes next, if there is to be one of this number.
    #[inline]
    pub(super) fn part(&mut self, parts: &Parts, index: usize) -> Result<(), Fail> {
        match *parts {
            Parts::Any => Ok(()),
            Parts::Same(id) => {
                self.at = id;
                Ok(())
            }
            Parts::Pairs(key, value) => {
                self.at = if index.is_multiple_of(2) { key } else { value };
                Ok(())
            }
            Parts::Of(node, variant) => self.numbered(node, variant, index, None),
        }
    }

    /// A field comes next, if it is to be the one of this number.
    pub(super) fn field(&mut self, parts: &Parts, index: usize, name: &str) -> Result<(), Fail> {
        match *parts {
            Parts::Of(node, variant) => self.numbered(node, variant, index, Some(name)),
            _ => self.part(parts, index),
        }
    }

    fn numbered(
        &mut self,
        node: Id,
        variant: Option<u32>,
        index: usize,
        name: Option<&str>,
    ) -> Result<(), Fail> {
        let Some(graph) = &self.graph else {
            return Ok(());
        };
        let (names, parts): (Names, &[Id]) = match (graph.node(node), variant) {
            (Node::Tuple(parts), None) => (&[], parts),
            (Node::Struct(names, parts), None) => (names, parts),
            (Node::Enum(_, contents), Some(variant)) => match &contents[variant as usize] {
                Content::Tuple(parts) => (&[], parts),
                Content::Struct(names, parts) => (names, parts),
                Content::Newtype(part) => (&[], std::slice::from_ref(part)),
                Content::Unit => (&[], &[]),
            },
            _ => (&[], &[]),
        };
        match parts.get(index) {
            Some(part) if name.is_none_or(|name| names.get(index) == Some(&name)) => {
                self.at = *part;
                Ok(())
            }
            _ => self.fail(),
        }
    }

    /// Something that has no bytes of its own in this format.
    pub(super) fn none<T>(&mut self) -> Result<T, Fail> {
        self.fail()
    }
}
