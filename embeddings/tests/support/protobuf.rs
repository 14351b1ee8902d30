//! ONNX is protobuf; the few fields that small graphs need are written here by hand.

/// ONNX element types.
pub const FLOAT: u64 = 1;
pub const INT64: u64 = 7;

/// An input or output of a graph: a tensor with these axes.
pub fn value(name: &str, element: u64, axes: &[&str]) -> Message {
    let mut shape = Message::default();
    for axis in axes {
        shape = shape.message(1, &Message::default().text(2, axis));
    }
    let tensor = Message::default().number(1, element).message(2, &shape);
    Message::default()
        .text(1, name)
        .message(2, &Message::default().message(1, &tensor))
}

/// A whole model file around a graph: IR version 8, operator set 17.
pub fn model(graph: &Message) -> Vec<u8> {
    let opset = Message::default().text(1, "").number(2, 17);
    Message::default()
        .number(1, 8)
        .message(7, graph)
        .message(8, &opset)
        .0
}

/// A protobuf message under construction.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }

    pub fn bytes(self, field: u64, value: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(value.len() as u64);
        message.0.extend_from_slice(value);
        message
    }

    pub fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }
}
