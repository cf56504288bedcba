using Microsoft.Data.Sqlite;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>Does a small piece of work, of about a tenth of a millisecond.</summary>
/// <remarks>Always called from the same thread.</remarks>
internal delegate void WorkStep();

/// <summary>The product of two random matrices.</summary>
internal sealed class MatrixProduct
{
    private const int Size = 48;
    private readonly double[] _left;
    private readonly double[] _right;
    private readonly double[] _product = new double[Size * Size];

    public MatrixProduct(RandomKey key)
    {
        _left = Uniform(key.Split(0));
        _right = Uniform(key.Split(1));
    }

    public void Step()
    {
        for (var row = 0; row < Size; row++)
        {
            for (var column = 0; column < Size; column++)
            {
                var sum = 0.0;
                for (var i = 0; i < Size; i++)
                {
                    sum += _left[(row * Size) + i] * _right[(i * Size) + column];
                }
                _product[(row * Size) + column] = sum;
            }
        }
    }

    private static double[] Uniform(RandomKey key)
    {
        var random = key.Sequence();
        var numbers = new double[Size * Size];
        foreach (ref var number in numbers.AsSpan())
        {
            number = random.NextDouble();
        }
        return numbers;
    }
}

/// <summary>Look-ups by key in a table on the disk, which goes away with the process.</summary>
internal sealed class DatabaseLookUps : IDisposable
{
    private const int Rows = 20_000;
    private const int PerStep = 8;
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _find;
    private readonly SqliteParameter _key;
    private RandomSequence _random;

    public DatabaseLookUps(RandomKey key)
    {
        _random = key.Sequence();
        // SQLite's own temporary database: a file without a name.
        _connection = new SqliteConnection("Data Source=");
        _connection.Open();
        using (var fill = _connection.CreateCommand())
        {
            fill.CommandText = $"""
                create table item (id integer primary key, content text not null);
                with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n < {Rows - 1})
                insert into item select n, hex(randomblob(50)) from numbers;
                """;
            _ = fill.ExecuteNonQuery();
        }
        _find = _connection.CreateCommand();
        _find.CommandText = "select content from item where id = $id";
        _key = _find.Parameters.Add("$id", SqliteType.Integer);
    }

    public void Step()
    {
        for (var i = 0; i < PerStep; i++)
        {
            _key.Value = _random.NextInt(Rows);
            _ = _find.ExecuteScalar();
        }
    }

    public void Dispose()
    {
        _find.Dispose();
        _connection.Dispose();
    }
}
