/// A smooth curve through evenly spaced knots that never overshoots them, repeated for ever.
///
/// Piecewise cubic Hermite polynomials; the slope at a knot is zero at a local extremum and the harmonic
/// mean of the slopes of its two chords elsewhere (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5
/// (1984) 300; it meets the monotonicity condition of Fritsch and Carlson, SIAM J. Numer. Anal. 17
/// (1980) 238). Between two knots the curve therefore stays between their values. After the last knot
/// the first follows. Abscissae are in knots: knot *k* stands at *k*, *k* + n, *k* + 2n, ….
public struct MonotoneCubic: Sendable {
  /// One stretch between two knots: a + b u + c u² + d u³ for u in 0…1.
  private struct Piece: Sendable {
    var a: Double
    var b: Double
    var c: Double
    var d: Double

    func value(_ u: Double) -> Double { a + u * (b + u * (c + u * d)) }
    func integral(_ u: Double) -> Double { u * (a + u * (b / 2 + u * (c / 3 + u * d / 4))) }
  }

  private let pieces: [Piece]
  /// Integral from knot 0 to knot *k*; the last element is that of one whole cycle.
  private let sums: [Double]

  /// Lays the curve through `knots`; at least two.
  public init(knots: [Double]) {
    precondition(knots.count >= 2, "a curve needs two knots")
    let count = knots.count
    func chord(_ k: Int) -> Double { knots[(k + 1) % count] - knots[k % count] }
    func slope(_ k: Int) -> Double {
      let left = chord(k + count - 1)
      let right = chord(k)
      return left * right > 0 ? 2 * left * right / (left + right) : 0
    }
    var pieces: [Piece] = []
    var sums = [0.0]
    for k in 0..<count {
      let (begin, end, rise) = (slope(k), slope(k + 1), chord(k))
      let piece = Piece(
        a: knots[k], b: begin, c: 3 * rise - 2 * begin - end, d: begin + end - 2 * rise)
      pieces.append(piece)
      sums.append(sums[k] + piece.integral(1))
    }
    self.pieces = pieces
    self.sums = sums
  }

  /// How many knots make one cycle.
  public var count: Int { pieces.count }

  /// The curve at knot `k` (any, cycles included) plus `u`, 0…1.
  public func value(knot k: Int, plus u: Double) -> Double { pieces[k % count].value(u) }

  /// The integral of the curve from knot 0 to knot `k` (cycles included) plus `u`, 0…1; exact but for
  /// the rounding of Double.
  public func integral(knot k: Int, plus u: Double) -> Double {
    Double(k / count) * sums[count] + sums[k % count] + pieces[k % count].integral(u)
  }
}
