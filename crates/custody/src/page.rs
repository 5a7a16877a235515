//! Part of a list, and from where to go on.

/// Part of a list that has an order.
#[derive(Debug)]
pub struct Page<T, M> {
    /// What is in it.
    pub items: Vec<T>,
    /// The mark after which the next part begins; none at the end of the list.
    pub next: Option<M>,
}

impl<T, M> Page<T, M> {
    /// A part that more follows: it is marked by its last item.
    pub(crate) fn cut(items: Vec<T>, mark: impl Fn(&T) -> Option<M>) -> Self {
        let next = items.last().and_then(mark);
        Self { items, next }
    }
}
